// How a decoder comes from its checkpoint's tensors.
#include <fmt/format.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "nn/decoder.h"

namespace saccade::nn {
namespace {

/// Rows of a q_proj that has each head's query and then its gate: all gates, then all queries. So
/// queries stay beside keys and values.
std::vector<std::int64_t> gates_first(int heads, int head_dim) {
  std::vector<std::int64_t> rows;
  for (const int part : {1, 0}) {
    for (int head = 0; head < heads; ++head) {
      for (int i = 0; i < head_dim; ++i) rows.push_back((2 * head + part) * head_dim + i);
    }
  }
  return rows;
}

/// The number in a tensor of one.
float read_number(WeightLoader& weights, const std::string& name) {
  float value = 0.0f;
  weights.device().download(&value, weights.vector(name, 1));
  return value;
}

}  // namespace

Decoder::Decoder(DecoderConfig config, WeightLoader& weights, const std::string& prefix,
                 const std::string& head)
    : config_(std::move(config)) {
  // Layers alone are part of a tower.
  std::optional<WeightLoader::OfDecoder> of_decoder;
  if (config_.vocab_size > 0) {
    of_decoder.emplace(weights);
    embedding_ =
        weights.matrix(prefix + ".embed_tokens.weight", config_.vocab_size, config_.hidden_size);
  }
  std::map<LayerKind, int> memory_layers;
  for (int i = 0; i < config_.num_layers; ++i) {
    layers_.push_back(load_layer(weights, fmt::format("{}.layers.{}", prefix, i), i));
    const int source = config_.kv_source(i);
    layers_[i].memory_layer =
        source == i ? memory_layers[config_.kind(i)]++ : layers_[source].memory_layer;
    if (source == i) last_memory_layer_ = i;
  }
  if (config_.layer_inputs.size > 0) {
    layer_inputs_ = LayerInputs::load(weights, prefix, config_.layer_inputs, config_.num_layers,
                                      config_.hidden_size, config_.rms_norm_eps);
  }
  if (config_.rotaries.size() > kMaxRotaries) {
    fail("a decoder with {} kinds of rotary positions: at most {} are supported",
         config_.rotaries.size(), kMaxRotaries);
  }
  for (const RotaryAxes& rotary : config_.rotaries) {
    rotaries_.push_back(Rotary::load(weights.device(), rotary));
  }
  norm_ = RmsNorm::load(weights, prefix + ".norm", config_.hidden_size, config_.rms_norm_eps,
                        config_.unit_offset_norms);
  if (config_.vocab_size == 0) return;
  if (config_.tie_word_embeddings) {
    head_ = embedding_;
    weights.leave_out(head + ".");  // some files hold the embeddings under both names
  } else {
    head_ = weights.matrix(head + ".weight", config_.vocab_size, config_.hidden_size);
  }
}

compute::AttentionShape Decoder::attention_shape(int index) const {
  const auto [num_kv_heads, head_dim] = config_.heads(index);
  const float scale = config_.attention_scale > 0.0f
                          ? config_.attention_scale
                          : 1.0f / std::sqrt(static_cast<float>(head_dim));
  const std::int64_t window = config_.windows[index];
  return {config_.num_heads,
          num_kv_heads,
          head_dim,
          scale,
          window,
          config_.attention_softcap,
          config_.mutual_in_windows_only && window == 0};
}

void Decoder::load_attention(WeightLoader& weights, const std::string& name, int index,
                             Layer& layer) const {
  layer.attention = attention_shape(index);
  layer.stores = config_.kv_source(index) == index;
  const std::int64_t hidden = config_.hidden_size;
  const int head_dim = layer.attention.head_dim;
  const std::int64_t query = layer.attention.query_size();
  const std::int64_t key = layer.attention.key_size();
  // Values that are keys have the map a second time: little memory, and one way through a layer.
  const bool same = !config_.keys_as_values.empty() && config_.keys_as_values[index];
  const std::vector<std::string> maps = {name + ".q_proj", name + ".k_proj",
                                         name + (same ? ".k_proj" : ".v_proj")};
  if (config_.fused_projections) {
    layer.qkv =
        Linear::load(weights, name + ".qkv_proj", query + 2 * key, hidden, config_.qkv_bias);
  } else if (config_.attention_gate) {
    layer.qkv = Linear::load_reordered(weights, maps, {2 * query, key, key}, hidden,
                                       config_.qkv_bias, gates_first(config_.num_heads, head_dim));
  } else if (layer.stores) {
    layer.qkv = Linear::load_stacked(weights, maps, {query, key, key}, hidden, config_.qkv_bias);
  } else {
    layer.qkv = Linear::load(weights, maps[0], query, hidden, config_.qkv_bias);
    // Training had them in every layer; here the keys and values are another layer's.
    for (const char* part : {".k_proj.", ".v_proj.", ".k_norm.", ".v_norm."}) {
      weights.leave_out(name + part);
    }
  }
  layer.output = Linear::load(weights, name + ".o_proj", hidden, query, config_.output_bias);
  if (!config_.qk_norm) return;
  const auto head_norm = [&](const char* which) {
    return RmsNorm::load(weights, name + which, head_dim, config_.rms_norm_eps,
                         config_.unit_offset_norms);
  };
  layer.query_norm = head_norm(".q_norm");
  if (!layer.stores) return;
  layer.key_norm = head_norm(".k_norm");
  if (config_.value_norm) {
    layer.value_norm = RmsNorm::plain(weights.device(), head_dim, config_.rms_norm_eps);
  }
}

void Decoder::load_mlp(WeightLoader& weights, const std::string& name, int index,
                       Layer& layer) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t inner = config_.intermediate_sizes.empty() ? config_.intermediate_size
                                                                : config_.intermediate_sizes[index];
  if (!config_.sparse_layers.empty() && config_.sparse_layers[index]) {
    layer.experts = MixtureOfExperts::load(weights, name, hidden, config_.moe, config_.activation);
  } else if (config_.fused_projections) {
    layer.mlp =
        GatedMlp::load_fused(weights, name, hidden, inner, config_.mlp_bias, config_.activation);
  } else {
    layer.mlp = GatedMlp::load(weights, name, hidden, inner, config_.mlp_bias, config_.activation);
  }
}

void Decoder::load_experts_beside(WeightLoader& weights, const std::string& name,
                                  Layer& layer) const {
  const std::int64_t hidden = config_.hidden_size;
  const auto norm = [&](const char* which) {
    return RmsNorm::load(weights, name + which, hidden, config_.rms_norm_eps,
                         config_.unit_offset_norms);
  };
  layer.beside = {norm(".post_feedforward_layernorm_1"), norm(".pre_feedforward_layernorm_2"),
                  norm(".post_feedforward_layernorm_2")};
  layer.experts = MixtureOfExperts::load_with_router(weights, name, hidden, config_.moe,
                                                     config_.activation, config_.rms_norm_eps);
}

Decoder::Layer Decoder::load_layer(WeightLoader& weights, const std::string& name,
                                   int index) const {
  const std::int64_t hidden = config_.hidden_size;
  const auto norm = [&](const char* which) {
    return RmsNorm::load(weights, name + which, hidden, config_.rms_norm_eps,
                         config_.unit_offset_norms);
  };
  Layer layer;
  layer.input_norm = norm(".input_layernorm");
  if (config_.kind(index) == LayerKind::kGatedDelta) {
    const std::string mixer = name + ".linear_attn";
    layer.gated_delta = GatedDeltaNet::load(weights, mixer, hidden, config_.gated_delta,
                                            config_.activation, config_.rms_norm_eps);
    layer.output =
        Linear::load(weights, mixer + ".out_proj", hidden, config_.gated_delta.values(), false);
  } else {
    load_attention(weights, name + ".self_attn", index, layer);
  }
  if (config_.output_norms) {
    layer.attention_output_norm = norm(".post_attention_layernorm");
    layer.mlp_norm = norm(".pre_feedforward_layernorm");
    layer.mlp_output_norm = norm(".post_feedforward_layernorm");
  } else {
    // With two norms a layer, the one after attention is the one before the MLP.
    layer.mlp_norm = norm(".post_attention_layernorm");
  }
  load_mlp(weights, name + ".mlp", index, layer);
  if (config_.experts_beside_mlp) load_experts_beside(weights, name, layer);
  if (config_.layer_inputs.size > 0) {
    layer.input =
        LayerInput::load(weights, name, hidden, config_.layer_inputs.size, config_.rms_norm_eps);
  }
  if (config_.layer_scales) layer.scale = read_number(weights, name + ".layer_scalar");
  return layer;
}

}  // namespace saccade::nn
