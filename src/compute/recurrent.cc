// Checks of the operations on recurrent states.
#include <string_view>

#include "base/error.h"
#include "compute/device.h"

namespace saccade::compute {
namespace {

void check_state_spans(std::string_view op, const SpanTable& table, std::int64_t rows,
                       const StateStore& states, int layer) {
  if (layer < 0 || layer >= states.layout().num_layers) {
    fail("[{}] layer {} of {}", op, layer, states.layout().num_layers);
  }
  for (const SequenceSpan& span : table.spans()) {
    if (span.row < 0 || span.count < 0 || span.row + span.count > rows || span.start < 0 ||
        span.state_slot < 0 || span.state_slot >= states.num_slots()) {
      fail("[{}] span of {} tokens at row {} and index {} with slot {} of {} over {} rows", op,
           span.count, span.row, span.start, span.state_slot, states.num_slots(), rows);
    }
  }
}

void check_same_type(std::string_view op, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) {
    fail("[{}] wanted one type, found {} and {}", op, dtype_name(a.dtype()), dtype_name(b.dtype()));
  }
}

}  // namespace

void Device::causal_conv(const Tensor& y, const Tensor& x, const Tensor& taps,
                         Activation activation, StateStore& states, int layer,
                         const SpanTable& spans) {
  constexpr std::string_view kOp = "causal_conv";
  const StateLayout& layout = states.layout();
  check_matrix(kOp, "x", x, -1, layout.conv_channels);
  check_matrix(kOp, "y", y, x.rows(), layout.conv_channels);
  check_same_type(kOp, y, x);
  check_matrix(kOp, "taps", taps, layout.conv_taps, layout.conv_channels);
  check_state_spans(kOp, spans, x.rows(), states, layer);
  do_causal_conv(y, x, taps, activation, states, layer, spans);
}

void Device::gated_delta_rule(const Tensor& out, const Tensor& qkv, const Tensor& gates,
                              const Tensor& rates, const Tensor& bias, int num_key_heads,
                              StateStore& states, int layer, const SpanTable& spans) {
  constexpr std::string_view kOp = "gated_delta_rule";
  const StateLayout& layout = states.layout();
  const std::int64_t heads = layout.num_heads;
  if (num_key_heads < 1 || heads % num_key_heads != 0) {
    fail("[{}] {} value heads over {} key heads", kOp, heads, num_key_heads);
  }
  check_matrix(kOp, "qkv", qkv, -1,
               std::int64_t{2} * num_key_heads * layout.key_dim + heads * layout.value_dim);
  check_matrix(kOp, "out", out, qkv.rows(), heads * layout.value_dim);
  check_matrix(kOp, "gates", gates, qkv.rows(), 2 * heads);
  for (const Tensor* vector : {&rates, &bias}) {
    if (vector->empty() || vector->dtype() != DType::kF32 || vector->shape() != Shape{heads}) {
      fail("[{}] rates and bias: wanted f32 [{}]", kOp, heads);
    }
  }
  if (gates.dtype() != DType::kF32 || out.dtype() != DType::kF32) {
    fail("[{}] gates and out: wanted f32", kOp);
  }
  check_state_spans(kOp, spans, qkv.rows(), states, layer);
  if (work_) count_state(states, spans);
  do_gated_delta_rule(out, qkv, gates, rates, bias, num_key_heads, states, layer, spans);
}

void Device::copy_state(StateStore& states, int from, int to) {
  for (const int slot : {from, to}) {
    if (slot < 0 || slot >= states.num_slots()) {
      fail("[copy_state] slot {} of {}", slot, states.num_slots());
    }
  }
  const int layers = states.layout().num_layers;
  std::vector<std::int32_t> rows;
  for (int layer = 0; layer < layers; ++layer) rows.push_back(from * layers + layer);
  gather(states.values().view_rows(std::int64_t{to} * layers, layers), states.values(), rows);
}

}  // namespace saccade::compute
