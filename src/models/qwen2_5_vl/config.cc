#include "models/qwen2_5_vl/config.h"

#include "base/error.h"
#include "models/config_reading.h"

namespace saccade::models::qwen2_5_vl {
namespace {

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

VisionConfig read_vision(const JsonObject& config) {
  VisionConfig vision;
  qwen_vl::read_patching(config, 14, "silu", vision);
  vision.hidden_size = config.integer_in("hidden_size", 1, kMaxSize);
  vision.intermediate_size = config.integer_in("intermediate_size", 1, kMaxSize);
  vision.out_hidden_size = config.integer_in("out_hidden_size", 1, kMaxSize);
  vision.window_size = read_int_or(config, "window_size", 112, 1, 1 << 16);
  vision.full_attention_blocks = config.integers("fullatt_block_indexes");
  qwen_vl::check_heads(config, vision);
  if (vision.window_merged() < 1) {
    fail("{}: window_size {} is smaller than one merged patch of {}", config.where(),
         vision.window_size, vision.patch_size * vision.spatial_merge_size);
  }
  return vision;
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const VisionConfig vision = read_vision(top.object("vision_config"));
  return {qwen_vl::read_model(checkpoint, text_family(), vision.out_hidden_size), vision};
}

}  // namespace saccade::models::qwen2_5_vl
