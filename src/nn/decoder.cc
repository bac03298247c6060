#include "nn/decoder.h"

#include <fmt/format.h>

#include <cmath>

namespace saccade::nn {

Decoder::Decoder(DecoderConfig config, WeightLoader& weights, const std::string& prefix,
                 const std::string& head)
    : config_(std::move(config)) {
  embedding_ =
      weights.matrix(prefix + ".embed_tokens.weight", config_.vocab_size, config_.hidden_size);
  for (int i = 0; i < config_.num_layers; ++i) {
    layers_.push_back(load_layer(weights, fmt::format("{}.layers.{}", prefix, i), i));
  }
  norm_ = RmsNorm::load(weights, prefix + ".norm", config_.hidden_size, config_.rms_norm_eps);
  head_ = config_.tie_word_embeddings
              ? embedding_
              : weights.matrix(head + ".weight", config_.vocab_size, config_.hidden_size);
}

Decoder::Layer Decoder::load_layer(WeightLoader& weights, const std::string& name,
                                   int index) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t query = static_cast<std::int64_t>(config_.num_heads) * config_.head_dim;
  const std::int64_t key = static_cast<std::int64_t>(config_.num_kv_heads) * config_.head_dim;
  const std::string attention = name + ".self_attn";
  return {RmsNorm::load(weights, name + ".input_layernorm", hidden, config_.rms_norm_eps),
          Linear::load_stacked(
              weights, {attention + ".q_proj", attention + ".k_proj", attention + ".v_proj"},
              {query, key, key}, hidden, config_.qkv_bias),
          Linear::load(weights, attention + ".o_proj", hidden, query, false),
          RmsNorm::load(weights, name + ".post_attention_layernorm", hidden, config_.rms_norm_eps),
          GatedMlp::load(weights, name + ".mlp", hidden, config_.intermediate_size, false,
                         config_.activation),
          {config_.num_heads, config_.num_kv_heads, config_.head_dim,
           1.0f / std::sqrt(static_cast<float>(config_.head_dim)), config_.windows[index]}};
}

Tensor Decoder::embed(Device& device, std::span<const std::int32_t> ids) const {
  Tensor hidden_states =
      device.empty(DType::kF32, {static_cast<std::int64_t>(ids.size()), config_.hidden_size});
  device.embed(hidden_states, *embedding_, ids);
  return hidden_states;
}

Tensor Decoder::attend(Device& device, const Layer& layer, int index, const Tensor& normed,
                       const RotaryTable& rotary, compute::KvCache& cache,
                       std::span<const compute::SequenceSpan> spans) const {
  const Tensor qkv = layer.qkv.forward(device, normed);
  const std::int64_t query = static_cast<std::int64_t>(config_.num_heads) * config_.head_dim;
  const std::int64_t key = static_cast<std::int64_t>(config_.num_kv_heads) * config_.head_dim;
  // Query and key heads lie side by side and turn by the same angles.
  device.rotary(qkv.view_columns(0, query + key), rotary.cos, rotary.sin, config_.head_dim);
  device.write_kv(cache, index, qkv.view_columns(query, key), qkv.view_columns(query + key, key),
                  spans);
  Tensor attended = device.empty(DType::kF32, {normed.rows(), query});
  device.attention_paged(attended, qkv.view_columns(0, query), cache, index, layer.attention,
                         spans);
  return layer.output.forward(device, attended);
}

void Decoder::forward(Device& device, const Tensor& hidden_states, const RotaryTable& rotary,
                      compute::KvCache& cache, std::span<const compute::SequenceSpan> spans) const {
  for (int i = 0; i < config_.num_layers; ++i) {
    const Layer& layer = layers_[i];
    const Tensor normed = layer.input_norm.forward(device, hidden_states);
    device.add(hidden_states, attend(device, layer, i, normed, rotary, cache, spans));
    device.add(hidden_states,
               layer.mlp.forward(device, layer.post_norm.forward(device, hidden_states)));
  }
}

Tensor Decoder::logits(Device& device, const Tensor& hidden_states) const {
  const Tensor normed = norm_.forward(device, hidden_states);
  Tensor y = device.empty(DType::kF32, {normed.rows(), config_.vocab_size});
  device.linear(y, normed, *head_, nullptr);
  return y;
}

}  // namespace saccade::nn
