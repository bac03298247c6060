#include "nn/decoder.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/error.h"

namespace saccade::nn {
namespace {

// Gemma 3 has two, one for layers with windows and one for those without. An array of so many needs
// no memory of its own in each step.
constexpr std::size_t kMaxRotaries = 4;

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

}  // namespace

int DecoderConfig::count(LayerKind kind, int layers) const {
  int found = 0;
  for (int i = 0; i < layers; ++i) found += this->kind(i) == kind;
  return found;
}

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
  for (int i = 0; i < config_.num_layers; ++i) {
    layers_.push_back(load_layer(weights, fmt::format("{}.layers.{}", prefix, i), i));
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
  head_ = config_.tie_word_embeddings
              ? embedding_
              : weights.matrix(head + ".weight", config_.vocab_size, config_.hidden_size);
}

void Decoder::load_attention(WeightLoader& weights, const std::string& name, Layer& layer) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t query = query_size();
  const std::int64_t key = key_size();
  const std::vector<std::string> maps = {name + ".q_proj", name + ".k_proj", name + ".v_proj"};
  if (config_.attention_gate) {
    layer.qkv =
        Linear::load_reordered(weights, maps, {2 * query, key, key}, hidden, config_.qkv_bias,
                               gates_first(config_.num_heads, config_.head_dim));
  } else {
    layer.qkv =
        config_.fused_projections
            ? Linear::load(weights, name + ".qkv_proj", query + 2 * key, hidden, config_.qkv_bias)
            : Linear::load_stacked(weights, maps, {query, key, key}, hidden, config_.qkv_bias);
  }
  layer.output = Linear::load(weights, name + ".o_proj", hidden, query, config_.output_bias);
  if (!config_.qk_norm) return;
  const auto head_norm = [&](const char* which) {
    return RmsNorm::load(weights, name + which, config_.head_dim, config_.rms_norm_eps,
                         config_.unit_offset_norms);
  };
  layer.query_norm = head_norm(".q_norm");
  layer.key_norm = head_norm(".k_norm");
}

void Decoder::load_mlp(WeightLoader& weights, const std::string& name, int index,
                       Layer& layer) const {
  const std::int64_t hidden = config_.hidden_size;
  if (!config_.sparse_layers.empty() && config_.sparse_layers[index]) {
    layer.experts = MixtureOfExperts::load(weights, name, hidden, config_.moe, config_.activation);
  } else if (config_.fused_projections) {
    layer.mlp = GatedMlp::load_fused(weights, name, hidden, config_.intermediate_size,
                                     config_.mlp_bias, config_.activation);
  } else {
    layer.mlp = GatedMlp::load(weights, name, hidden, config_.intermediate_size, config_.mlp_bias,
                               config_.activation);
  }
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
  layer.memory_layer = config_.count(config_.kind(index), index);
  if (config_.kind(index) == LayerKind::kGatedDelta) {
    const std::string mixer = name + ".linear_attn";
    layer.gated_delta = GatedDeltaNet::load(weights, mixer, hidden, config_.gated_delta,
                                            config_.activation, config_.rms_norm_eps);
    layer.output =
        Linear::load(weights, mixer + ".out_proj", hidden, config_.gated_delta.values(), false);
  } else {
    load_attention(weights, name + ".self_attn", layer);
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
  const float scale = config_.attention_scale > 0.0f
                          ? config_.attention_scale
                          : 1.0f / std::sqrt(static_cast<float>(config_.head_dim));
  layer.attention = {config_.num_heads,      config_.num_kv_heads,     config_.head_dim, scale,
                     config_.windows[index], config_.attention_softcap};
  return layer;
}

Tensor Decoder::embed(Device& device, const Tensor& ids) const {
  Tensor hidden_states = device.empty(DType::kF32, {ids.size(0), config_.hidden_size});
  device.embed(hidden_states, *embedding_, ids);
  if (config_.embedding_scale != 1.0f) device.scale(hidden_states, config_.embedding_scale);
  return hidden_states;
}

Tensor Decoder::mix(Device& device, int index, const Tensor& hidden_states,
                    const Pass& pass) const {
  const Layer& layer = layers_[index];
  if (!layer.gated_delta) return attend(device, index, hidden_states, pass);
  if (!pass.memory.states) {
    fail("[decoder] layer {} has a state, and there is no room for it", index);
  }
  return layer.gated_delta->forward(device, hidden_states, layer.input_norm, *pass.memory.states,
                                    layer.memory_layer, pass.spans);
}

Tensor Decoder::attend(Device& device, int index, const Tensor& hidden_states,
                       const Pass& pass) const {
  const Layer& layer = layers_[index];
  const Tensor projected = layer.qkv.forward(device, hidden_states, &layer.input_norm);
  const std::int64_t query = query_size();
  const std::int64_t key = key_size();
  const Tensor qkv = projected.view_columns(config_.attention_gate ? query : 0, query + 2 * key);
  if (layer.query_norm) layer.query_norm->forward_heads(device, qkv.view_columns(0, query));
  if (layer.key_norm) layer.key_norm->forward_heads(device, qkv.view_columns(query, key));
  if (const int rotary = config_.layer_rotary[index]; rotary >= 0) {
    device.rotary_write_kv(pass.memory.kv, layer.memory_layer, qkv, pass.tables[rotary].cos,
                           pass.tables[rotary].sin, layer.attention, pass.spans);
  } else {
    device.write_kv(pass.memory.kv, layer.memory_layer, qkv.view_columns(query, key),
                    qkv.view_columns(query + key, key), pass.spans);
  }
  Tensor attended = device.activations({hidden_states.rows(), query});
  device.attention_paged(attended, qkv.view_columns(0, query), pass.memory.kv, layer.memory_layer,
                         layer.attention, pass.spans);
  if (config_.attention_gate) {
    device.apply_gate(attended, projected.view_columns(0, query), compute::Activation::kSigmoid);
  }
  return attended;
}

void Decoder::add_residual(Device& device, const Tensor& hidden_states, Tensor part,
                           const std::optional<RmsNorm>& norm) const {
  if (norm) part = norm->forward_f32(device, part);
  if (config_.residual_scale != 1.0f) device.scale(part, config_.residual_scale);
  device.add(hidden_states, part);
}

void Decoder::run_layer(Device& device, int index, const Tensor& hidden_states,
                        const Pass& pass) const {
  const Layer& layer = layers_[index];
  const Tensor attended = mix(device, index, hidden_states, pass);
  if (plain_residual()) {
    layer.output.add_to(device, hidden_states, attended);
  } else {
    add_residual(device, hidden_states, layer.output.forward_f32(device, attended),
                 layer.attention_output_norm);
  }
  if (layer.experts) {
    // In f32: 16 bits are enough to choose other experts, where two are nearly as good.
    const Tensor normed = layer.mlp_norm.forward_f32(device, hidden_states);
    add_residual(device, hidden_states, layer.experts->forward(device, normed),
                 layer.mlp_output_norm);
  } else if (plain_residual()) {
    layer.mlp.add_to(device, hidden_states, hidden_states, &layer.mlp_norm);
  } else {
    add_residual(device, hidden_states,
                 layer.mlp.forward_f32(device, hidden_states, &layer.mlp_norm),
                 layer.mlp_output_norm);
  }
}

void Decoder::forward(Device& device, const Tensor& hidden_states, const Tensor& positions,
                      const compute::SequenceMemory& memory, const compute::SpanTable& spans,
                      std::span<const LayerAddition> additions) const {
  std::array<RotaryTable, kMaxRotaries> tables;
  for (std::size_t i = 0; i < rotaries_.size(); ++i) {
    tables[i] = rotaries_[i].table(device, positions);
  }
  const Pass pass{tables, memory, spans};
  for (int i = 0; i < config_.num_layers; ++i) {
    run_layer(device, i, hidden_states, pass);
    for (const LayerAddition& addition : additions) {
      if (addition.layer != i) continue;
      device.add(hidden_states.view_rows(addition.row, addition.values.rows()), addition.values);
    }
  }
}

Tensor Decoder::normed(Device& device, const Tensor& hidden_states) const {
  return norm_.forward_f32(device, hidden_states);
}

Tensor Decoder::logits(Device& device, const Tensor& hidden_states) const {
  Tensor y = device.empty(DType::kF32, {hidden_states.rows(), config_.vocab_size});
  compute::LinearOptions options;
  options.norm_weight = &norm_.weight;
  options.norm_eps = norm_.eps;
  device.linear(y, hidden_states, *head_, options);
  if (config_.logits_scale != 1.0f) device.scale(y, config_.logits_scale);
  if (config_.logits_softcap > 0.0f) device.softcap(y, config_.logits_softcap);
  return y;
}

}  // namespace saccade::nn
