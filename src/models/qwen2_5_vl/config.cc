#include "models/qwen2_5_vl/config.h"

#include "base/error.h"
#include "base/json.h"
#include "models/config_reading.h"
#include "models/text_config.h"

namespace saccade::models::qwen2_5_vl {
namespace {

VisionConfig read_vision(const JsonObject& config) {
  VisionConfig vision;
  vision.depth = read_int(config, "depth", 1, kMaxLayers);
  vision.hidden_size = config.integer_in("hidden_size", 1, kMaxSize);
  vision.intermediate_size = config.integer_in("intermediate_size", 1, kMaxSize);
  vision.out_hidden_size = config.integer_in("out_hidden_size", 1, kMaxSize);
  vision.num_heads = read_int(config, "num_heads", 1, 4096);
  vision.patch_size = read_int_or(config, "patch_size", 14, 1, 1024);
  vision.spatial_merge_size = read_int_or(config, "spatial_merge_size", 2, 1, 64);
  vision.temporal_patch_size = read_int_or(config, "temporal_patch_size", 2, 1, 64);
  vision.in_channels =
      read_int_or(config, config.has("in_channels") ? "in_channels" : "in_chans", 3, 3, 3);
  vision.window_size = read_int_or(config, "window_size", 112, 1, 1 << 16);
  vision.full_attention_blocks = config.integers("fullatt_block_indexes");
  vision.activation = read_activation(config, "hidden_act", "silu");
  if (config.has("rope_parameters")) {
    const JsonObject rope = config.object("rope_parameters");
    const std::string type = rope.string_or("rope_type", "axial");
    if (type != "axial" && type != "default") {
      fail("{}: rope_type \"{}\" is not supported; \"axial\" is", rope.where(), type);
    }
    vision.rope_theta = rope.number_or("rope_theta", vision.rope_theta);
  }
  if (vision.hidden_size % vision.num_heads != 0 || vision.head_dim() % 4 != 0) {
    fail("{}: hidden_size {} over {} heads: heads must be a multiple of 4 wide", config.where(),
         vision.hidden_size, vision.num_heads);
  }
  if (vision.window_merged() < 1) {
    fail("{}: window_size {} is smaller than one merged patch of {}", config.where(),
         vision.window_size, vision.patch_size * vision.spatial_merge_size);
  }
  return vision;
}

TextFamily text_family() {
  return {
      .model_type = "qwen2_5_vl_text",
      .architecture = {},
      .rope_theta = 1e6,
      .context_length = 128000,
      .sliding_window = 4096,
      .attention_bias = AttentionBias::kQkv,
      .sliding = SlidingLayers::kAsSwitched,
      .rope_axes = RopeAxes::kMultimodal,
  };
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject text = top.has("text_config") ? top.object("text_config") : top;
  Config config;
  config.vision = read_vision(top.object("vision_config"));
  const TextConfig decoder = read_text_config(text_family(), text, top);
  config.text = decoder.decoder;
  config.context_length = decoder.context_length;
  if (config.vision.out_hidden_size != config.text.hidden_size) {
    fail("{}: vision_config.out_hidden_size {} must equal the decoder's hidden_size {}",
         top.where(), config.vision.out_hidden_size, config.text.hidden_size);
  }
  config.image_token =
      static_cast<std::int32_t>(top.integer_in("image_token_id", 0, config.text.vocab_size - 1));
  config.vision_start_token = static_cast<std::int32_t>(
      top.integer_in("vision_start_token_id", 0, config.text.vocab_size - 1));
  config.end_tokens = read_end_tokens(checkpoint);
  return config;
}

}  // namespace saccade::models::qwen2_5_vl
