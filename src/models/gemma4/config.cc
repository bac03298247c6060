#include "models/gemma4/config.h"

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vlm.h"

namespace saccade::models::gemma4 {
namespace {

double read_theta(const JsonObject& config) {
  if (!config.has("rope_parameters")) return 100.0;
  const JsonObject rope = config.object("rope_parameters");
  // Two names of one thing: published files have the first, transformers writes the second.
  const std::string type = rope.string_or("rope_type", "axial");
  if (type != "default" && type != "axial") {
    fail("{}: rope type \"{}\" is not supported; axial is", rope.where(), type);
  }
  const double theta = rope.number_or("rope_theta", 100.0);
  if (!(theta > 0.0)) fail("{}: rope_theta must be positive, found {}", rope.where(), theta);
  return theta;
}

VisionConfig read_vision(const JsonObject& config) {
  if (const std::string type = config.string_or("model_type", "gemma4_vision");
      type != "gemma4_vision") {
    fail("{}: model_type \"{}\" is not supported; gemma4_vision is", config.where(), type);
  }
  if (config.boolean_or("attention_bias", false)) {
    fail("{}: attention_bias is not supported", config.where());
  }
  VisionConfig vision;
  vision.hidden_size = read_int_or(config, "hidden_size", 768, 1, kMaxSize);
  vision.intermediate_size = read_int_or(config, "intermediate_size", 3072, 1, kMaxSize);
  vision.num_layers = read_int_or(config, "num_hidden_layers", 16, 1, kMaxLayers);
  vision.num_heads = read_int_or(config, "num_attention_heads", 12, 1, kMaxHeads);
  vision.num_kv_heads = read_int_or(config, "num_key_value_heads", 12, 1, kMaxHeads);
  vision.head_dim = read_int_or(config, "head_dim", 64, 4, 4096);
  if (vision.num_heads % vision.num_kv_heads != 0 || vision.head_dim % 4 != 0) {
    fail("{}: {} heads of size {} over {} key-value heads do not fit", config.where(),
         vision.num_heads, vision.head_dim, vision.num_kv_heads);
  }
  vision.patch_size = read_int_or(config, "patch_size", 16, 1, 1024);
  vision.pool = read_int_or(config, "pooling_kernel_size", 3, 1, 64);
  vision.positions = read_int_or(config, "position_embedding_size", 10240, 1, 1 << 20);
  vision.rope_theta = read_theta(config);
  vision.norm_eps = static_cast<float>(config.number_or("rms_norm_eps", 1e-6));
  vision.activation = read_activation(config, "hidden_activation", "gelu_pytorch_tanh");
  vision.clipped = config.boolean_or("use_clipped_linears", false);
  vision.standardized = config.boolean_or("standardize", false);
  return vision;
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  Config config;
  config.vision = read_vision(top.object("vision_config"));
  config.text = read_nested_text(top, "gemma4_text");
  const auto token = [&](std::string_view key) {
    return read_image_token(top, {key}, config.text.decoder.vocab_size);
  };
  config.pictures_see_themselves =
      top.object("text_config").has("use_bidirectional_attention");  // which is read there
  for (const std::string_view key : {"video_token_id", "audio_token_id"}) {
    if (top.has(key)) config.other_placeholders.push_back(token(key));
  }
  config.image_token = token("image_token_id");
  config.begin_token = token("boi_token_id");
  config.end_token = token("eoi_token_id");
  return config;
}

}  // namespace saccade::models::gemma4
