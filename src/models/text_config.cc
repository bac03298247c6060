#include "models/text_config.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "models/config_reading.h"

namespace saccade::models {
namespace {

void read_sizes(const TextFamily& family, const JsonObject& config, nn::DecoderConfig& decoder) {
  decoder.vocab_size = config.integer_in("vocab_size", 1, kMaxVocab);
  decoder.hidden_size = config.integer_in("hidden_size", 1, kMaxSize);
  if (!family.all_experts || config.has("intermediate_size")) {
    decoder.intermediate_size = config.integer_in("intermediate_size", 1, kMaxSize);
  }
  decoder.num_layers = read_int(config, "num_hidden_layers", 1, kMaxLayers);
  decoder.num_heads = read_int(config, "num_attention_heads", 1, kMaxHeads);
  decoder.num_kv_heads =
      read_int_or(config, "num_key_value_heads", decoder.num_heads, 1, kMaxHeads);
  const bool implied = !config.has("head_dim") && family.head_dim == 0;
  if (implied && decoder.hidden_size % decoder.num_heads != 0) {
    fail("{}: hidden_size {} does not divide among {} heads", config.where(), decoder.hidden_size,
         decoder.num_heads);
  }
  const int head_dim =
      implied ? static_cast<int>(decoder.hidden_size) / decoder.num_heads : family.head_dim;
  decoder.head_dim = read_int_or(config, "head_dim", head_dim, 2, 4096);
  if (decoder.num_heads % decoder.num_kv_heads != 0 || decoder.head_dim % 2 != 0) {
    fail("{}: {} heads of size {} over {} key-value heads do not fit", config.where(),
         decoder.num_heads, decoder.head_dim, decoder.num_kv_heads);
  }
  decoder.rms_norm_eps = static_cast<float>(config.number_or("rms_norm_eps", family.rms_norm_eps));
  decoder.activation = read_activation(config, family.activation_key, family.activation);
}

/// Which layers slide by layer_types, or nothing where the file has none.
std::optional<std::vector<bool>> read_layer_types(const JsonObject& config, int num_layers) {
  if (!config.has("layer_types")) return std::nullopt;
  const boost::json::array* types = config.at("layer_types").if_array();
  if (!types || types->size() != static_cast<std::size_t>(num_layers)) {
    fail("{}: layer_types must list {} layers", config.where(), num_layers);
  }
  std::vector<bool> sliding;
  for (const boost::json::value& type : *types) {
    if (type != "sliding_attention" && type != "full_attention") {
      fail("{}: layer_types: {} is not supported", config.where(), boost::json::serialize(type));
    }
    sliding.push_back(type == "sliding_attention");
  }
  return sliding;
}

/// The width of sliding windows, 0 where there are none: null switches them off, an absent key
/// means the family's own.
std::int64_t read_window(const TextFamily& family, const JsonObject& config) {
  if (config.has("sliding_window")) {
    return config.integer_in("sliding_window", 1, std::int64_t{1} << 40);
  }
  return config.raw().contains("sliding_window") ? 0 : family.sliding_window;
}

/// Keys a token sees in each layer, 0: all.
std::vector<std::int64_t> read_windows(const TextFamily& family, const JsonObject& config,
                                       int num_layers) {
  const std::vector<std::int64_t> none(num_layers, 0);
  if (family.layer_types == LayerTypes::kOfFamily) return none;
  const auto types = read_layer_types(config, num_layers);
  const bool switched_off = family.sliding == SlidingLayers::kAsSwitched &&
                            !config.boolean_or("use_sliding_window", false);
  if (family.sliding == SlidingLayers::kNone || switched_off) return none;
  const std::int64_t window = read_window(family, config);
  if (window == 0) return none;
  std::int64_t first = 0;
  int pattern = 0;
  if (family.sliding == SlidingLayers::kAsSwitched) {
    first = config.integer_or("max_window_layers", num_layers);
  } else if (family.sliding == SlidingLayers::kAsPatterned) {
    pattern =
        read_int_or(config, "sliding_window_pattern", family.sliding_window_pattern, 1, kMaxLayers);
  }
  std::vector<std::int64_t> windows = none;
  for (int i = 0; i < num_layers; ++i) {
    const bool slides =
        types ? (*types)[i] : i >= first && (pattern == 0 || (i + 1) % pattern != 0);
    if (slides) windows[i] = window;
  }
  if (types && family.sliding == SlidingLayers::kAll &&
      windows != std::vector(windows.size(), window)) {
    fail("{}: layer_types with full attention is not supported for {}", config.where(),
         family.model_type);
  }
  return windows;
}

/// The size of the heads of layers with a window, or of those without; of all if there are none of
/// the kind.
int head_dim_of(const nn::DecoderConfig& decoder, bool sliding, const std::string& where) {
  int head_dim = 0;
  for (int i = 0; i < decoder.num_layers; ++i) {
    if ((decoder.windows[i] > 0) != sliding) continue;
    const int of_layer = decoder.heads(i).head_dim;
    if (head_dim > 0 && of_layer != head_dim) {
      fail("{}: layers of one kind have heads of {} and of {}; one size is supported", where,
           head_dim, of_layer);
    }
    head_dim = of_layer;
  }
  return head_dim > 0 ? head_dim : decoder.head_dim;
}

/// The rotaries and which layer uses which. With a local rotary, sliding layers use the second.
void read_rotaries(const TextFamily& family, const JsonObject& config, std::int64_t context_length,
                   nn::DecoderConfig& decoder) {
  RopeDefaults defaults{config.number_or("rope_theta", family.rope_theta),
                        decoder.head_dim,
                        context_length,
                        family.rope_axes,
                        config.number_or("partial_rotary_factor", family.partial_rotary_factor),
                        family.may_turn_partly};
  decoder.layer_rotary.assign(decoder.num_layers, 0);
  std::optional<JsonObject> settings = rope_settings(config);
  if (family.local_rope_theta == 0.0) {
    decoder.rotaries = {read_rotary(settings, config.where(), defaults)};
    return;
  }
  std::optional<JsonObject> local;
  if (settings && (settings->has("full_attention") || settings->has("sliding_attention"))) {
    const JsonObject both = *settings;
    settings.reset();
    if (both.has("full_attention")) settings = both.object("full_attention");
    if (both.has("sliding_attention")) local = both.object("sliding_attention");
  }
  defaults.head_dim = head_dim_of(decoder, false, config.where());
  decoder.rotaries = {read_rotary(settings, config.where(), defaults)};
  defaults.head_dim = head_dim_of(decoder, true, config.where());
  defaults.theta = config.number_or("rope_local_base_freq", family.local_rope_theta);
  decoder.rotaries.push_back(read_rotary(local, config.where(), defaults));
  for (int i = 0; i < decoder.num_layers; ++i) decoder.layer_rotary[i] = decoder.windows[i] > 0;
}

}  // namespace

TextConfig read_text_config(const TextFamily& family, const JsonObject& text,
                            const JsonObject& top) {
  TextConfig config;
  nn::DecoderConfig& decoder = config.decoder;
  config.context_length = text.has("max_position_embeddings")
                              ? text.integer_in("max_position_embeddings", 1, std::int64_t{1} << 40)
                              : family.context_length;
  read_sizes(family, text, decoder);
  // transformers 5 writes the flag at the top level, older files in either place.
  decoder.tie_word_embeddings =
      top.boolean_or("tie_word_embeddings", text.boolean_or("tie_word_embeddings", family.tied));
  const bool all_biases = family.attention_bias == AttentionBias::kAsConfigured &&
                          text.boolean_or("attention_bias", false);
  decoder.qkv_bias = all_biases || family.attention_bias == AttentionBias::kQkv;
  decoder.output_bias = all_biases;
  decoder.mlp_bias = family.may_have_mlp_bias && text.boolean_or("mlp_bias", false);
  decoder.qk_norm = family.qk_norm;
  decoder.output_norms = family.output_norms;
  decoder.unit_offset_norms = family.unit_offset_norms;
  decoder.fused_projections = family.fused_projections;
  decoder.windows = read_windows(family, text, decoder.num_layers);
  if (family.read_layers) family.read_layers(text, decoder);
  read_rotaries(family, text, config.context_length, decoder);
  if (family.finish) family.finish(text, top, decoder);
  return config;
}

float square_root_embedding_scale(const JsonObject& text, const JsonObject& top,
                                  std::int64_t hidden_size) {
  const double root = std::sqrt(static_cast<double>(hidden_size));
  std::string dtype = "float32";
  for (const JsonObject* config : {&top, &text}) {
    dtype = config->string_or("dtype", config->string_or("torch_dtype", dtype));
  }
  const int digits = dtype == "bfloat16" ? 8 : dtype == "float16" ? 11 : 24;
  int exponent = 0;
  std::frexp(root, &exponent);
  // To nearest, ties to even, as a conversion does.
  return static_cast<float>(
      std::ldexp(std::nearbyint(std::ldexp(root, digits - exponent)), exponent - digits));
}

}  // namespace saccade::models
