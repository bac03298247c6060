// Layers that keep a state, on the CPU.
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cpu/mapped_memory.h"

namespace saccade::compute::cpu {
namespace {

/// The input of a convolution `back` tokens before token `index` of a span: in the batch, or kept
/// from an earlier step; null before the sequence's first.
const float* conv_input(const SequenceSpan& span, const Tensor& x, const float* kept, int num_taps,
                        std::int64_t index, int back) {
  if (span.start + index < back) return nullptr;
  if (index >= back) return x.row(span.row + index - back);
  return kept + (num_taps - 1 + index - back) * x.size(1);
}

/// Keeps the span's last inputs. The oldest first, so that one that was kept before moves to a
/// place that has been read.
void keep_inputs(const SequenceSpan& span, const Tensor& x, float* kept, int num_taps) {
  const std::int64_t channels = x.size(1);
  for (int i = 0; i < num_taps - 1; ++i) {
    const float* from = conv_input(span, x, kept, num_taps, span.count, num_taps - 1 - i);
    float* to = kept + i * channels;
    if (from) {
      std::memmove(to, from, channels * sizeof(float));
    } else {
      std::memset(to, 0, channels * sizeof(float));
    }
  }
}

}  // namespace

std::unique_ptr<StateStore> CpuDevice::make_state_store(const StateLayout& layout, int num_slots) {
  if (layout.conv_taps > kMaxConvTaps) {
    fail("a convolution with {} taps: the CPU kernels take at most {}", layout.conv_taps,
         kMaxConvTaps);
  }
  const Shape shape{std::int64_t{num_slots} * layout.num_layers, layout.layer_elements()};
  std::shared_ptr<void> memory =
      map_zeros(shape.elements() * static_cast<std::int64_t>(sizeof(float)), "recurrent states");
  void* data = memory.get();
  return std::make_unique<StateStore>(layout, num_slots,
                                      Tensor(std::move(memory), data, DType::kF32, shape));
}

void CpuDevice::do_causal_conv(const Tensor& y, const Tensor& x, const Tensor& taps,
                               Activation activation, StateStore& states, int layer,
                               const SpanTable& spans) {
  const ActivationKind kind = kernel_kind(activation);
  const auto num_taps = static_cast<int>(taps.rows());
  const std::int64_t channels = x.size(1);
  for (const SequenceSpan& span : spans.spans()) {
    const float* kept = states.conv_inputs(span.state_slot, layer);
    for_rows(span.count, channels, [&](std::int64_t index) {
      const float* inputs[kMaxConvTaps];
      for (int t = 0; t < num_taps; ++t) {
        inputs[t] = conv_input(span, x, kept, num_taps, index, num_taps - 1 - t);
      }
      kernels_.causal_conv(y.row(span.row + index), inputs, taps.data<float>(), num_taps, channels,
                           kind);
    });
  }
  const auto all = spans.spans();
  for_rows(static_cast<std::int64_t>(all.size()), channels * num_taps, [&](std::int64_t i) {
    keep_inputs(all[i], x, states.conv_inputs(all[i].state_slot, layer), num_taps);
  });
}

void CpuDevice::do_gated_delta_rule(const Tensor& out, const Tensor& qkv, const Tensor& gates,
                                    const Tensor& rates, const Tensor& bias, int num_key_heads,
                                    StateStore& states, int layer, const SpanTable& spans) {
  const StateLayout& layout = states.layout();
  const int heads = layout.num_heads;
  const int key_dim = layout.key_dim;
  const std::int64_t keys = std::int64_t{num_key_heads} * key_dim;
  // Of every row the queries and keys as they are used, and each head's decay and share.
  const Tensor qk = empty(DType::kF32, {qkv.rows(), 2 * keys});
  const Tensor factors = empty(DType::kF32, {qkv.rows(), 2 * std::int64_t{heads}});
  const auto query_scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(key_dim)));
  for_rows(qkv.rows(), 2 * keys + std::int64_t{200} * heads, [&](std::int64_t row) {
    for (std::int64_t column = 0; column < 2 * keys; column += key_dim) {
      kernels_.normalize_head(qk.row(row) + column, qkv.row(row) + column, key_dim,
                              column < keys ? query_scale : 1.0f);
    }
    for (int head = 0; head < heads; ++head) {
      // In double, so that they do not depend on the C library's float functions.
      const double b = gates.row(row)[head];
      const double a = double{gates.row(row)[heads + head]} + bias.data<float>()[head];
      const double softplus = std::fmax(a, 0.0) + std::log1p(std::exp(-std::fabs(a)));
      factors.row(row)[2 * head] =
          static_cast<float>(std::exp(-double{rates.data<float>()[head]} * softplus));
      factors.row(row)[2 * head + 1] = static_cast<float>(1.0 / (1.0 + std::exp(-b)));
    }
  });
  // Columns of a state do not meet: each panel is a work item of its own.
  const std::int64_t panels = layout.panels();
  const auto all = spans.spans();
  const auto items = static_cast<std::int64_t>(all.size()) * heads * panels;
  threads_.parallel_for(items, [&](std::int64_t item) {
    const SequenceSpan& span = all[item / (heads * panels)];
    if (span.count == 0) return;
    const auto head = static_cast<int>(item / panels % heads);
    const std::int64_t first = item % panels * kStatePanel;
    float* state =
        states.matrices(span.state_slot, layer) + head * layout.matrix_elements() + first * key_dim;
    if (span.start == 0) std::fill_n(state, std::int64_t{key_dim} * kStatePanel, 0.0f);
    const std::int64_t key_head = head / (heads / num_key_heads);
    const std::int64_t column = std::int64_t{head} * layout.value_dim + first;
    kernels_.delta_rule({.state = state,
                         .q = qk.row(span.row) + key_head * key_dim,
                         .k = qk.row(span.row) + keys + key_head * key_dim,
                         .v = qkv.row(span.row) + 2 * keys + column,
                         .gates = factors.row(span.row) + std::int64_t{2} * head,
                         .out = out.row(span.row) + column,
                         .qk_stride = qk.row_stride(),
                         .v_stride = qkv.row_stride(),
                         .gates_stride = factors.row_stride(),
                         .out_stride = out.row_stride(),
                         .count = span.count,
                         .key_dim = key_dim,
                         .columns = static_cast<int>(
                             std::min<std::int64_t>(kStatePanel, layout.value_dim - first))});
  });
}

}  // namespace saccade::compute::cpu
