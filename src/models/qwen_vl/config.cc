#include "models/qwen_vl/config.h"

#include "base/error.h"
#include "models/config_reading.h"

namespace saccade::models::qwen_vl {

void read_patching(const JsonObject& config, int default_patch_size,
                   std::string_view default_activation, VisionConfig& vision) {
  vision.depth = read_int(config, "depth", 1, kMaxLayers);
  vision.num_heads = read_int(config, "num_heads", 1, kMaxHeads);
  vision.patch_size = read_int_or(config, "patch_size", default_patch_size, 1, 1024);
  vision.spatial_merge_size = read_int_or(config, "spatial_merge_size", 2, 1, 64);
  vision.temporal_patch_size = read_int_or(config, "temporal_patch_size", 2, 1, 64);
  vision.in_channels =
      read_int_or(config, config.has("in_channels") ? "in_channels" : "in_chans", 3, 3, 3);
  vision.activation = read_activation(config, "hidden_act", default_activation);
  if (!config.has("rope_parameters")) return;
  const JsonObject rope = config.object("rope_parameters");
  const std::string type = rope.string_or("rope_type", "axial");
  if (type != "axial" && type != "default") {
    fail("{}: rope_type \"{}\" is not supported; \"axial\" is", rope.where(), type);
  }
  vision.rope_theta = rope.number_or("rope_theta", vision.rope_theta);
}

void check_heads(const JsonObject& config, const VisionConfig& vision) {
  if (vision.hidden_size % vision.num_heads != 0 || vision.head_dim() % 4 != 0) {
    fail("{}: hidden size {} over {} heads: heads must be a multiple of 4 wide", config.where(),
         vision.hidden_size, vision.num_heads);
  }
}

Config read_model(const checkpoint::Checkpoint& checkpoint, const TextFamily& text_family,
                  std::int64_t out_hidden_size) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject text = top.has("text_config") ? top.object("text_config") : top;
  TextConfig decoder = read_text_config(text_family, text, top);
  Config config;
  config.text = std::move(decoder.decoder);
  config.context_length = decoder.context_length;
  if (out_hidden_size != config.text.hidden_size) {
    fail("{}: the tower's output size {} must equal the decoder's hidden_size {}", top.where(),
         out_hidden_size, config.text.hidden_size);
  }
  config.image_token =
      static_cast<std::int32_t>(top.integer_in("image_token_id", 0, config.text.vocab_size - 1));
  config.end_tokens = read_end_tokens(checkpoint);
  return config;
}

}  // namespace saccade::models::qwen_vl
