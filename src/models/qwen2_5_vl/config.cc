#include "models/qwen2_5_vl/config.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/json.h"

namespace saccade::models::qwen2_5_vl {
namespace {

// Far above any model, far below where products of sizes could overflow.
constexpr std::int64_t kMaxSize = 1 << 22;
constexpr std::int64_t kMaxLayers = 1024;

compute::Activation read_activation(const JsonObject& config) {
  const std::string name = config.string_or("hidden_act", "silu");
  const auto activation = compute::activation_named(name);
  if (!activation) fail("{}: hidden_act \"{}\" is not supported", config.where(), name);
  return *activation;
}

int read_int(const JsonObject& config, std::string_view key, std::int64_t low, std::int64_t high) {
  return static_cast<int>(config.integer_in(key, low, high));
}

int read_int_or(const JsonObject& config, std::string_view key, int otherwise, std::int64_t low,
                std::int64_t high) {
  return config.has(key) ? read_int(config, key, low, high) : otherwise;
}

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
  vision.activation = read_activation(config);
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

/// Keys a token sees in each layer, from layer_types where the file has it, else from
/// max_window_layers: layers from that one on slide.
std::vector<std::int64_t> read_windows(const JsonObject& config, int num_layers) {
  std::vector<std::int64_t> windows(num_layers, 0);
  if (!config.boolean_or("use_sliding_window", false)) return windows;
  const std::int64_t window = config.integer_in("sliding_window", 1, std::int64_t{1} << 40);
  if (!config.has("layer_types")) {
    const std::int64_t first = config.integer_or("max_window_layers", num_layers);
    for (std::int64_t i = std::max<std::int64_t>(0, first); i < num_layers; ++i)
      windows[i] = window;
    return windows;
  }
  const boost::json::array* types = config.at("layer_types").if_array();
  if (!types || types->size() != static_cast<std::size_t>(num_layers)) {
    fail("{}: layer_types must list {} layers", config.where(), num_layers);
  }
  for (int i = 0; i < num_layers; ++i) {
    const boost::json::value& type = (*types)[i];
    if (type == "sliding_attention") {
      windows[i] = window;
    } else if (type != "full_attention") {
      fail("{}: layer_types: {} is not supported", config.where(), boost::json::serialize(type));
    }
  }
  return windows;
}

nn::DecoderConfig read_text(const JsonObject& config, const JsonObject& top) {
  nn::DecoderConfig text;
  text.vocab_size = config.integer_in("vocab_size", 1, 1 << 24);
  text.hidden_size = config.integer_in("hidden_size", 1, kMaxSize);
  text.intermediate_size = config.integer_in("intermediate_size", 1, kMaxSize);
  text.num_layers = read_int(config, "num_hidden_layers", 1, kMaxLayers);
  text.num_heads = read_int(config, "num_attention_heads", 1, 4096);
  text.num_kv_heads = read_int_or(config, "num_key_value_heads", text.num_heads, 1, 4096);
  if (!config.has("head_dim") && text.hidden_size % text.num_heads != 0) {
    fail("{}: hidden_size {} does not divide among {} heads", config.where(), text.hidden_size,
         text.num_heads);
  }
  text.head_dim =
      read_int_or(config, "head_dim", static_cast<int>(text.hidden_size) / text.num_heads, 2, 4096);
  if (text.num_heads % text.num_kv_heads != 0 || text.head_dim % 2 != 0) {
    fail("{}: {} heads of size {} over {} key-value heads do not fit", config.where(),
         text.num_heads, text.head_dim, text.num_kv_heads);
  }
  text.rms_norm_eps = static_cast<float>(config.number_or("rms_norm_eps", 1e-6));
  text.qkv_bias = true;
  // transformers 5 writes the flag at the top level, older files in either place.
  text.tie_word_embeddings =
      top.boolean_or("tie_word_embeddings", config.boolean_or("tie_word_embeddings", false));
  text.activation = read_activation(config);
  text.windows = read_windows(config, text.num_layers);
  return text;
}

/// The rotary settings: rope_parameters (transformers 5) or rope_scaling with rope_theta beside it.
void read_rope(const JsonObject& text, Config& config) {
  const bool newer = text.has("rope_parameters");
  const JsonObject rope = text.object(newer ? "rope_parameters" : "rope_scaling");
  const std::string type = rope.string_or("rope_type", rope.string_or("type", "default"));
  if (type != "default" && type != "mrope") {
    fail("{}: rope type \"{}\" is not supported; \"mrope\" and \"default\" are", rope.where(),
         type);
  }
  config.rope_theta = rope.number_or("rope_theta", text.number_or("rope_theta", 1e6));
  config.mrope_section = rope.integers("mrope_section");
  const auto& sections = config.mrope_section;
  const bool positive = std::all_of(sections.begin(), sections.end(),
                                    [](std::int64_t n) { return n >= 0 && n <= 4096; });
  if (sections.size() != 3 || !positive ||
      std::accumulate(sections.begin(), sections.end(), std::int64_t{0}) !=
          config.text.head_dim / 2) {
    fail("{}: mrope_section [{}] must be three numbers that add up to half the head size, {}",
         rope.where(), fmt::join(sections, ", "), config.text.head_dim / 2);
  }
  if (!(config.rope_theta > 0)) {
    fail("{}: rope_theta must be positive, found {}", rope.where(), config.rope_theta);
  }
}

void append_ids(const JsonObject& object, std::vector<std::int32_t>& ids) {
  const boost::json::value* value = object.find("eos_token_id");
  if (!value) return;
  const std::vector<std::int64_t> found =
      value->is_array() ? object.integers("eos_token_id")
                        : std::vector<std::int64_t>{object.integer("eos_token_id")};
  for (const std::int64_t id : found) ids.push_back(static_cast<std::int32_t>(id));
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject text = top.has("text_config") ? top.object("text_config") : top;
  Config config;
  config.vision = read_vision(top.object("vision_config"));
  config.text = read_text(text, top);
  read_rope(text, config);
  config.context_length = text.integer_or("max_position_embeddings", 128000);
  if (config.vision.out_hidden_size != config.text.hidden_size) {
    fail("{}: vision_config.out_hidden_size {} must equal the decoder's hidden_size {}",
         top.where(), config.vision.out_hidden_size, config.text.hidden_size);
  }
  config.image_token =
      static_cast<std::int32_t>(top.integer_in("image_token_id", 0, config.text.vocab_size - 1));
  config.vision_start_token = static_cast<std::int32_t>(
      top.integer_in("vision_start_token_id", 0, config.text.vocab_size - 1));
  if (const auto generation = checkpoint.optional_json("generation_config.json")) {
    append_ids(JsonObject(*generation, checkpoint.where("generation_config.json")),
               config.end_tokens);
  }
  if (config.end_tokens.empty()) append_ids(top, config.end_tokens);
  if (config.end_tokens.empty()) append_ids(text, config.end_tokens);
  return config;
}

}  // namespace saccade::models::qwen2_5_vl
