#include "nn/decoder.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::nn {
namespace {

/// Rows of x on their own.
Tensor gather(Device& device, const Tensor& x, std::span<const std::int32_t> rows) {
  Tensor y = device.empty(x.dtype(), {static_cast<std::int64_t>(rows.size()), x.size(1)});
  device.gather(y, x, rows);
  return y;
}

}  // namespace

int DecoderConfig::count(LayerKind kind) const {
  int found = 0;
  for (int i = 0; i < num_layers; ++i) found += this->kind(i) == kind;
  return found;
}

compute::KvLayout DecoderConfig::kv_layout() const {
  std::vector<compute::KvHeads> stored;
  for (int i = 0; i < num_layers; ++i) {
    if (kind(i) == LayerKind::kAttention && kv_source(i) == i) stored.push_back(heads(i));
  }
  return compute::KvLayout(std::move(stored));
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

void Decoder::Projected::gate(Device& device, const Tensor& attended) const {
  if (gates == 0) return;
  device.apply_gate(attended, all.view_columns(0, gates), compute::Activation::kSigmoid);
}

Decoder::Projected Decoder::Projected::queries_of(Device& device,
                                                  std::span<const std::int32_t> rows) const {
  return {gather(device, all.view_columns(0, gates + query), rows), gates, query, 0};
}

Decoder::Projected Decoder::project(Device& device, const Layer& layer,
                                    const Tensor& hidden_states) const {
  const std::int64_t query = layer.attention.query_size();
  Projected projected{layer.qkv.forward(device, hidden_states, &layer.input_norm),
                      config_.attention_gate ? query : 0, query, layer.attention.key_size()};
  if (layer.query_norm) layer.query_norm->forward_heads(device, projected.queries());
  if (layer.key_norm) layer.key_norm->forward_heads(device, projected.keys());
  if (layer.value_norm) layer.value_norm->forward_heads(device, projected.values());
  return projected;
}

Tensor Decoder::attend(Device& device, int index, const Tensor& hidden_states,
                       const Pass& pass) const {
  const Layer& layer = layers_[index];
  const compute::AttentionShape& shape = layer.attention;
  const Projected projected = project(device, layer, hidden_states);
  const int rotary = config_.layer_rotary[index];
  compute::KvCache& cache = pass.memory.kv;
  Tensor attended = device.activations({hidden_states.rows(), projected.query});
  if (layer.stores && rotary >= 0) {
    device.rotary_attention(attended, cache, layer.memory_layer, projected.qkv(),
                            pass.tables[rotary].cos, pass.tables[rotary].sin, shape, pass.spans);
  } else {
    if (rotary >= 0) {
      device.rotary(projected.qkv(), pass.tables[rotary].cos, pass.tables[rotary].sin,
                    shape.head_dim);
    }
    if (layer.stores) {
      device.write_kv(cache, layer.memory_layer, projected.keys(), projected.values(), pass.spans);
    }
    device.attention_paged(attended, projected.queries(), cache, layer.memory_layer, shape,
                           pass.spans);
  }
  projected.gate(device, attended);
  return attended;
}

Tensor Decoder::mix_rows(Device& device, int index, const Tensor& hidden_states, const Pass& pass,
                         const RowSelection& selection, const Pass& selected) const {
  const Layer& layer = layers_[index];
  const std::vector<std::int32_t>& rows = selection.rows();
  if (layer.gated_delta) {
    return gather(device, mix(device, index, hidden_states, pass), rows);
  }
  const compute::AttentionShape& shape = layer.attention;
  const Projected projected = project(device, layer, hidden_states);
  const int rotary = config_.layer_rotary[index];
  compute::KvCache& cache = pass.memory.kv;
  if (rotary >= 0) {
    device.rotary_write_kv(cache, layer.memory_layer, projected.qkv(), pass.tables[rotary].cos,
                           pass.tables[rotary].sin, shape, pass.spans);
  } else {
    device.write_kv(cache, layer.memory_layer, projected.keys(), projected.values(), pass.spans);
  }
  if (rows.empty()) return {};
  const Projected wanted = projected.queries_of(device, rows);
  Tensor attended = device.activations({selected.spans.rows(), shape.query_size()});
  device.attention_paged(attended, wanted.queries(), cache, layer.memory_layer, shape,
                         selected.spans);
  wanted.gate(device, attended);
  return attended;
}

void Decoder::add_residual(Device& device, const Tensor& hidden_states, Tensor part,
                           const std::optional<RmsNorm>& norm) const {
  if (norm) part = norm->forward_f32(device, part);
  if (config_.residual_scale != 1.0f) device.scale(part, config_.residual_scale);
  device.add(hidden_states, part);
}

Tensor Decoder::mlp_with_experts(Device& device, const Layer& layer,
                                 const Tensor& hidden_states) const {
  const ExpertNorms& norms = *layer.beside;
  Tensor sum = norms.mlp_output.forward_f32(
      device, layer.mlp.forward_f32(device, hidden_states, &layer.mlp_norm));
  const Tensor given =
      layer.experts->forward(device, norms.input.forward_f32(device, hidden_states), hidden_states);
  device.add(sum, norms.output.forward_f32(device, given));
  return sum;
}

void Decoder::add_mlp(Device& device, const Layer& layer, const Tensor& hidden_states) const {
  if (layer.beside) {
    add_residual(device, hidden_states, mlp_with_experts(device, layer, hidden_states),
                 layer.mlp_output_norm);
  } else if (layer.experts) {
    // In f32: 16 bits are enough to choose other experts, where two are nearly as good.
    const Tensor normed = layer.mlp_norm.forward_f32(device, hidden_states);
    add_residual(device, hidden_states, layer.experts->forward(device, normed, normed),
                 layer.mlp_output_norm);
  } else if (plain_residual()) {
    layer.mlp.add_to(device, hidden_states, hidden_states, &layer.mlp_norm);
  } else {
    add_residual(device, hidden_states,
                 layer.mlp.forward_f32(device, hidden_states, &layer.mlp_norm),
                 layer.mlp_output_norm);
  }
}

void Decoder::finish_layer(Device& device, int index, const Tensor& hidden_states,
                           const Tensor& mixed, const Pass& pass) const {
  const Layer& layer = layers_[index];
  if (plain_residual()) {
    layer.output.add_to(device, hidden_states, mixed);
  } else {
    add_residual(device, hidden_states, layer.output.forward_f32(device, mixed),
                 layer.attention_output_norm);
  }
  add_mlp(device, layer, hidden_states);
  if (layer.input) {
    const std::int64_t size = config_.layer_inputs.size;
    layer.input->add_to(device, hidden_states, pass.layer_inputs.view_columns(index * size, size),
                        config_.activation);
  }
  if (layer.scale != 1.0f) device.scale(hidden_states, layer.scale);
  for (const LayerAddition& addition : pass.additions) {
    if (addition.layer != index) continue;
    device.add(hidden_states.view_rows(addition.row, addition.values.rows()), addition.values);
  }
}

void Decoder::run_layers(Device& device, int begin, int end, const Tensor& hidden_states,
                         const Pass& pass) const {
  for (int i = begin; i < end; ++i) {
    finish_layer(device, i, hidden_states, mix(device, i, hidden_states, pass), pass);
  }
}

Tensor Decoder::layer_inputs(Device& device, const Tensor& ids, const Tensor& hidden_states) const {
  return layer_inputs_ ? layer_inputs_->forward(device, ids, hidden_states) : Tensor();
}

Decoder::Pass Decoder::make_pass(Device& device, const Tensor& positions,
                                 const compute::SequenceMemory& memory,
                                 const compute::SpanTable& spans, const Tensor& layer_inputs,
                                 std::span<const LayerAddition> additions) const {
  Pass pass{{}, memory, spans, layer_inputs.view(), additions};
  for (std::size_t i = 0; i < rotaries_.size(); ++i) {
    pass.tables[i] = rotaries_[i].table(device, positions);
  }
  return pass;
}

void Decoder::forward(Device& device, const Tensor& hidden_states, const Tensor& positions,
                      const compute::SequenceMemory& memory, const compute::SpanTable& spans,
                      const Tensor& layer_inputs, std::span<const LayerAddition> additions) const {
  const Pass pass = make_pass(device, positions, memory, spans, layer_inputs, additions);
  run_layers(device, 0, config_.num_layers, hidden_states, pass);
}

Tensor Decoder::forward_rows(Device& device, const Tensor& hidden_states, const Tensor& positions,
                             const compute::SequenceMemory& memory, const compute::SpanTable& spans,
                             const Tensor& layer_inputs, std::span<const LayerAddition> additions,
                             std::span<const std::int32_t> wanted) const {
  const Pass pass = make_pass(device, positions, memory, spans, layer_inputs, additions);
  // What is added so late is added to rows of the whole batch.
  const bool added_late = std::ranges::any_of(additions, [&](const LayerAddition& addition) {
    return addition.layer >= last_memory_layer_;
  });
  const bool all = static_cast<std::int64_t>(wanted.size()) == hidden_states.rows();
  if (all || added_late) {
    run_layers(device, 0, config_.num_layers, hidden_states, pass);
    if (all) return hidden_states.view();
    return gather(device, hidden_states, wanted);
  }
  run_layers(device, 0, last_memory_layer_, hidden_states, pass);
  const RowSelection selection(spans.spans(), wanted);
  Tensor outputs = finish_rows(device, hidden_states, pass, selection);
  if (selection.rows().size() == wanted.size()) return outputs;
  return gather(device, outputs, selection.wanted());
}

Tensor Decoder::finish_rows(Device& device, const Tensor& hidden_states, const Pass& pass,
                            const RowSelection& selection) const {
  const int index = last_memory_layer_;
  const std::vector<std::int32_t>& rows = selection.rows();
  const auto spans = device.make_span_table(0, 0);
  spans->assign(selection.spans());
  Pass selected{{}, pass.memory, *spans, {}};
  const Tensor mixed = mix_rows(device, index, hidden_states, pass, selection, selected);
  Tensor outputs = gather(device, hidden_states, rows);
  if (rows.empty()) return outputs;
  if (layer_inputs_) selected.layer_inputs = gather(device, pass.layer_inputs, rows);
  if (index + 1 < config_.num_layers) {
    for (std::size_t i = 0; i < rotaries_.size(); ++i) {
      selected.tables[i] = {gather(device, pass.tables[i].cos, rows),
                            gather(device, pass.tables[i].sin, rows)};
    }
  }
  finish_layer(device, index, outputs, mixed, selected);
  run_layers(device, index + 1, config_.num_layers, outputs, selected);
  return outputs;
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
