// Gemma 4, its text model (Gemma Team, 2026).
#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "models/config_reading.h"
#include "models/text/families.h"
#include "models/text/gemma_shared.h"

namespace saccade::models::text_families {
namespace {

/// Head sizes as transformers 5 writes them: per_layer_config names the layers that differ.
void read_per_layer_config(const JsonObject& layers, nn::DecoderConfig& decoder) {
  for (const auto& item : layers.raw()) {
    const std::string_view key = item.key();
    int layer = -1;
    const auto end = std::from_chars(key.data(), key.data() + key.size(), layer);
    if (end.ptr != key.data() + key.size() || layer < 0 || layer >= decoder.num_layers) {
      fail("{}: \"{}\" is not one of {} layers", layers.where(), key, decoder.num_layers);
    }
    const JsonObject settings = layers.object(key);
    compute::KvHeads& heads = decoder.layer_heads[layer];
    for (const auto& setting : settings.raw()) {
      if (setting.key() == "head_dim") {
        heads.head_dim = read_int(settings, "head_dim", 2, kMaxHeads);
      } else if (setting.key() == "num_key_value_heads") {
        heads.num_kv_heads = read_int(settings, "num_key_value_heads", 1, kMaxHeads);
      } else {
        fail("{}: \"{}\" is not supported", settings.where(), std::string_view(setting.key()));
      }
    }
  }
}

/// Layers without a window have heads of their own size, in published files by two global numbers.
void read_heads(const JsonObject& text, nn::DecoderConfig& decoder) {
  decoder.layer_heads.assign(decoder.num_layers, {decoder.num_kv_heads, decoder.head_dim});
  if (text.has("per_layer_config")) {
    read_per_layer_config(text.object("per_layer_config"), decoder);
  } else {
    const bool fewer = text.boolean_or("attention_k_eq_v", false);
    for (int i = 0; i < decoder.num_layers; ++i) {
      if (decoder.windows[i] > 0) continue;
      compute::KvHeads& heads = decoder.layer_heads[i];
      heads.head_dim = read_int_or(text, "global_head_dim", 512, 2, kMaxHeads);
      if (!fewer) continue;
      heads.num_kv_heads =
          read_int_or(text, "num_global_key_value_heads", heads.num_kv_heads, 1, kMaxHeads);
    }
  }
  for (int i = 0; i < decoder.num_layers; ++i) {
    const auto& [kv_heads, head_dim] = decoder.layer_heads[i];
    if (decoder.num_heads % kv_heads != 0 || head_dim % 2 != 0) {
      fail("{}: layer {}: {} heads of size {} over {} key-value heads do not fit", text.where(), i,
           decoder.num_heads, head_dim, kv_heads);
    }
  }
}

void read_layers(const JsonObject& text, nn::DecoderConfig& decoder) {
  text.integer("num_key_value_heads");  // which need not be that of queries, and has to be said
  if (text.raw().contains("sliding_window") && !text.has("sliding_window")) {
    fail("{}: sliding_window null is not supported", text.where());
  }
  decoder.windows.back() = 0;  // whatever layer_types says
  read_heads(text, decoder);
}

/// The last layers attend to what the last of the others of their kind has stored.
void read_sharing(const JsonObject& text, nn::DecoderConfig& decoder) {
  const int shared = read_int_or(text, "num_kv_shared_layers", 0, 0, decoder.num_layers - 1);
  if (shared == 0) return;
  const bool wide = text.boolean_or("use_double_wide_mlp", false);
  const int first = decoder.num_layers - shared;
  for (int i = 0; i < decoder.num_layers; ++i) {
    int source = i;
    if (i >= first) {
      source = first - 1;
      const bool sliding = decoder.windows[i] > 0;
      while (source >= 0 && (decoder.windows[source] > 0) != sliding) --source;
      if (source < 0 || decoder.layer_heads[source] != decoder.layer_heads[i]) {
        fail("{}: num_kv_shared_layers {} leaves layer {} without one whose keys it could share",
             text.where(), shared, i);
      }
    }
    decoder.kv_sources.push_back(source);
    decoder.intermediate_sizes.push_back(decoder.intermediate_size * (wide && i >= first ? 2 : 1));
  }
}

void read_layer_inputs(const JsonObject& text, const JsonObject& top, nn::DecoderConfig& decoder) {
  nn::LayerInputConfig& inputs = decoder.layer_inputs;
  inputs.size = text.integer_or("hidden_size_per_layer_input", 256);
  if (inputs.size == 0) return;
  inputs.size = text.has("hidden_size_per_layer_input")
                    ? text.integer_in("hidden_size_per_layer_input", 1, kMaxSize)
                    : inputs.size;
  inputs.vocab_size = text.integer_or("vocab_size_per_layer_input", 262144);
  if (inputs.vocab_size < decoder.vocab_size || inputs.vocab_size > kMaxVocab) {
    fail("{}: vocab_size_per_layer_input {} does not fit vocab_size {}", text.where(),
         inputs.vocab_size, decoder.vocab_size);
  }
  inputs.embedding_scale = square_root_embedding_scale(text, top, inputs.size);
}

void read_mixture(const JsonObject& text, nn::DecoderConfig& decoder) {
  if (!text.boolean_or("enable_moe_block", false)) return;
  decoder.moe.num_experts = read_int(text, "num_experts", 1, kMaxHeads);
  decoder.moe.experts_per_token = read_int(text, "top_k_experts", 1, decoder.moe.num_experts);
  decoder.moe.intermediate_size = text.integer_in("moe_intermediate_size", 1, kMaxSize);
  decoder.moe.normalize = true;
  decoder.experts_beside_mlp = true;
}

void finish(const JsonObject& text, const JsonObject& top, nn::DecoderConfig& decoder) {
  if (const std::string mutual = text.string_or("use_bidirectional_attention", "vision");
      mutual != "vision") {
    fail("{}: use_bidirectional_attention \"{}\" is not supported; vision is", text.where(),
         mutual);
  }
  decoder.mutual_in_windows_only = true;
  decoder.attention_scale = 1.0f;
  decoder.embedding_scale = square_root_embedding_scale(text, top, decoder.hidden_size);
  decoder.logits_softcap = read_cap(text, "final_logit_softcapping", 0.0);
  decoder.value_norm = true;
  decoder.layer_scales = true;
  decoder.pad_token =
      text.has("pad_token_id")
          ? static_cast<std::int32_t>(text.integer_in("pad_token_id", 0, decoder.vocab_size - 1))
          : 0;
  const bool keys_as_values = text.boolean_or("attention_k_eq_v", false);
  for (const std::int64_t window : decoder.windows) {
    decoder.keys_as_values.push_back(keys_as_values && window == 0);
  }
  read_sharing(text, decoder);
  read_layer_inputs(text, top, decoder);
  read_mixture(text, decoder);
}

}  // namespace

TextFamily gemma4_text() {
  return {
      .model_type = "gemma4_text",
      .architecture = "Gemma4ForCausalLM",
      .head_dim = 256,
      .rope_theta = 1e6,
      .context_length = 131072,
      .sliding_window = 512,
      .sliding_window_pattern = 6,
      .tied = true,
      .activation = "gelu_pytorch_tanh",
      .activation_key = "hidden_activation",
      .attention_bias = AttentionBias::kAsConfigured,
      .sliding = SlidingLayers::kAsPatterned,
      .local_rope_theta = 10000.0,
      .qk_norm = true,
      .output_norms = true,
      .read_layers = read_layers,
      .finish = finish,
  };
}

}  // namespace saccade::models::text_families
