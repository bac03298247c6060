#include "nn/encoder_decoder.h"

#include <fmt/format.h>

#include <cmath>

namespace saccade::nn {
namespace {

void norm_in_place(Device& device, const LayerNorm& norm, const Tensor& x) {
  device.layer_norm(x, x, norm.weight, &norm.bias, norm.eps);
}

}  // namespace

EncoderDecoder::EncoderDecoder(EncoderDecoderConfig config, WeightLoader& weights,
                               const std::string& embedding, const std::string& prefix)
    : config_(config) {
  // Both stacks are needed for any prompt, so neither waits for a picture.
  const WeightLoader::OfDecoder of_decoder(weights);
  embedding_ = weights.matrix(embedding, config_.vocab_size, config_.hidden_size);
  encoder_ = load_stack(weights, prefix + "encoder", config_.encoder);
  decoder_ = load_stack(weights, prefix + "decoder", config_.decoder);
  for (int i = 0; i < config_.decoder.num_layers; ++i) {
    cross_.push_back(load_cross(weights, fmt::format("{}decoder.layers.{}.", prefix, i)));
  }
}

EncoderDecoder::Stack EncoderDecoder::load_stack(WeightLoader& weights, const std::string& name,
                                                 const StackConfig& config) const {
  const int head_dim = static_cast<int>(config_.hidden_size) / config.num_heads;
  Stack stack;
  stack.positions =
      weights.matrix(name + ".embed_positions.weight", config_.num_positions, config_.hidden_size);
  stack.embedding_norm = LayerNorm::load(weights, name + ".layernorm_embedding",
                                         config_.hidden_size, config_.norm_eps);
  for (int i = 0; i < config.num_layers; ++i) {
    stack.layers.push_back(load_layer(weights, fmt::format("{}.layers.{}.", name, i), config));
  }
  stack.attention = {config.num_heads, config.num_heads, head_dim,
                     1.0f / std::sqrt(static_cast<float>(head_dim))};
  return stack;
}

EncoderDecoder::Layer EncoderDecoder::load_layer(WeightLoader& weights, const std::string& name,
                                                 const StackConfig& config) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::string attention = name + "self_attn.";
  Layer layer;
  layer.qkv = Linear::load_stacked(
      weights, {attention + "q_proj", attention + "k_proj", attention + "v_proj"},
      {hidden, hidden, hidden}, hidden, true);
  layer.output = Linear::load(weights, attention + "out_proj", hidden, hidden, true);
  layer.attention_norm =
      LayerNorm::load(weights, name + "self_attn_layer_norm", hidden, config_.norm_eps);
  layer.mlp = Mlp::load(weights, name + "fc1", name + "fc2", hidden, config.intermediate_size,
                        hidden, config_.activation);
  layer.mlp_norm = LayerNorm::load(weights, name + "final_layer_norm", hidden, config_.norm_eps);
  return layer;
}

EncoderDecoder::CrossAttention EncoderDecoder::load_cross(WeightLoader& weights,
                                                          const std::string& name) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::string attention = name + "encoder_attn.";
  return {Linear::load(weights, attention + "q_proj", hidden, hidden, true),
          Linear::load_stacked(weights, {attention + "k_proj", attention + "v_proj"},
                               {hidden, hidden}, hidden, true),
          Linear::load(weights, attention + "out_proj", hidden, hidden, true),
          LayerNorm::load(weights, name + "encoder_attn_layer_norm", hidden, config_.norm_eps)};
}

Tensor EncoderDecoder::embed(Device& device, const Tensor& ids) const {
  Tensor hidden_states = device.empty(DType::kF32, {ids.size(0), config_.hidden_size});
  device.embed(hidden_states, *embedding_, ids);
  if (config_.embedding_scale != 1.0f) device.scale(hidden_states, config_.embedding_scale);
  return hidden_states;
}

void EncoderDecoder::add_positions(Device& device, const Stack& stack, const Tensor& hidden_states,
                                   const Tensor& positions) const {
  const Tensor embedded = device.empty(DType::kF32, hidden_states.shape());
  device.embed(embedded, *stack.positions, positions);
  device.add(hidden_states, embedded);
  norm_in_place(device, stack.embedding_norm, hidden_states);
}

void EncoderDecoder::finish_attention(Device& device, const Linear& output, const LayerNorm& norm,
                                      const Tensor& hidden_states, const Tensor& attended) {
  output.add_to(device, hidden_states, attended);
  norm_in_place(device, norm, hidden_states);
}

void EncoderDecoder::run_mlp(Device& device, const Layer& layer, const Tensor& hidden_states) {
  layer.mlp.add_to(device, hidden_states, hidden_states);
  norm_in_place(device, layer.mlp_norm, hidden_states);
}

void EncoderDecoder::encode(Device& device, const Tensor& hidden_states, const Tensor& positions,
                            std::span<const std::int64_t> ends) const {
  const std::int64_t hidden = config_.hidden_size;
  add_positions(device, encoder_, hidden_states, positions);
  for (const Layer& layer : encoder_.layers) {
    const Tensor qkv = layer.qkv.forward(device, hidden_states);
    const Tensor attended = device.activations(hidden_states.shape());
    device.attention_segments(attended, qkv.view_columns(0, hidden),
                              qkv.view_columns(hidden, hidden),
                              qkv.view_columns(2 * hidden, hidden), encoder_.attention, ends);
    finish_attention(device, layer.output, layer.attention_norm, hidden_states, attended);
    run_mlp(device, layer, hidden_states);
  }
}

void EncoderDecoder::store_encoded(Device& device, const Tensor& encoded, compute::KvCache& cache,
                                   const compute::SpanTable& spans) const {
  const std::int64_t hidden = config_.hidden_size;
  for (int i = 0; i < config_.decoder.num_layers; ++i) {
    const Tensor key_value = cross_[i].key_value.forward(device, encoded);
    device.write_kv(cache, i, key_value.view_columns(0, hidden),
                    key_value.view_columns(hidden, hidden), spans);
  }
}

void EncoderDecoder::decode(Device& device, const Tensor& hidden_states, const Tensor& positions,
                            compute::KvCache& cache, const compute::SpanTable& spans,
                            const compute::SpanTable& cross_spans) const {
  const std::int64_t hidden = config_.hidden_size;
  add_positions(device, decoder_, hidden_states, positions);
  const Tensor attended = device.activations(hidden_states.shape());
  for (int i = 0; i < config_.decoder.num_layers; ++i) {
    const Layer& layer = decoder_.layers[i];
    const Tensor qkv = layer.qkv.forward(device, hidden_states);
    device.write_kv(cache, i, qkv.view_columns(hidden, hidden),
                    qkv.view_columns(2 * hidden, hidden), spans);
    device.attention_paged(attended, qkv.view_columns(0, hidden), cache, i, decoder_.attention,
                           spans);
    finish_attention(device, layer.output, layer.attention_norm, hidden_states, attended);
    const CrossAttention& cross = cross_[i];
    device.attention_paged(attended, cross.query.forward(device, hidden_states), cache, i,
                           decoder_.attention, cross_spans);
    finish_attention(device, cross.output, cross.norm, hidden_states, attended);
    run_mlp(device, layer, hidden_states);
  }
}

Tensor EncoderDecoder::logits(Device& device, const Tensor& hidden_states) const {
  Tensor y = device.empty(DType::kF32, {hidden_states.rows(), config_.vocab_size});
  device.linear(y, hidden_states, *embedding_);
  return y;
}

}  // namespace saccade::nn
