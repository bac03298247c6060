// Layers that keep a state, on a GPU.
#include "base/error.h"
#include "compute/gpu/gpu_device.h"
#include "compute/gpu/gpu_kv.h"

namespace saccade::compute::gpu {
namespace {

namespace kernels = saccade::gpu;
using kernels::u32;
using kernels::u64;

static_assert(kernels::kStatePanel == compute::kStatePanel);

constexpr u32 kPlainKeyDim = 128;  // wider heads have kernels of their own

u32 groups_of(std::int64_t count, u32 each) {
  return static_cast<u32>((count + each - 1) / each);
}

u64 stride(const Tensor& tensor) {
  return static_cast<u64>(tensor.row_stride());
}

kernels::StateView view_of(const StateStore& states, float* first, const GpuSpanTable& spans) {
  return {first, spans.state_slots(), spans.view().spans, static_cast<u64>(states.slot_stride())};
}

}  // namespace

std::unique_ptr<StateStore> GpuDevice::make_state_store(const StateLayout& layout, int num_slots) {
  if (layout.key_dim > static_cast<int>(kernels::kMaxKeyDim)) {
    fail("recurrent heads with keys of size {}: the GPU kernels take at most {}", layout.key_dim,
         kernels::kMaxKeyDim);
  }
  const Shape shape{std::int64_t{num_slots} * layout.num_layers, layout.layer_elements()};
  std::shared_ptr<void> memory =
      take_lasting_memory(shape.elements() * static_cast<std::int64_t>(sizeof(float)));
  void* data = memory.get();
  return std::make_unique<StateStore>(layout, num_slots,
                                      Tensor(std::move(memory), data, DType::kF32, shape));
}

void GpuDevice::do_causal_conv(const Tensor& y, const Tensor& x, const Tensor& taps,
                               Activation activation, StateStore& states, int layer,
                               const SpanTable& spans) {
  const auto& table = static_cast<const GpuSpanTable&>(spans);
  if (table.span_room() == 0) return;
  const kernels::CausalConvArgs args{y.raw(),
                                     x.raw(),
                                     taps.data<float>(),
                                     table.view().row_spans,
                                     view_of(states, states.conv_inputs(0, layer), table),
                                     stride(y),
                                     stride(x),
                                     static_cast<u32>(x.size(1)),
                                     static_cast<u32>(taps.rows()),
                                     function_of(activation)};
  // Of a recorded step all rows and spans that there may be: other runs of it may have more.
  const u32 stretches = groups_of(x.size(1), kernels::kCausalConvThreads);
  launch_kernel(typed(x, Kernel::causal_conv_f32, Kernel::causal_conv_f16),
                {static_cast<u32>(std::min(x.rows(), table.row_room())), stretches, 1,
                 kernels::kCausalConvThreads, 0},
                &args);
  if (taps.rows() == 1) return;
  launch_kernel(typed(x, Kernel::keep_inputs_f32, Kernel::keep_inputs_f16),
                {static_cast<u32>(table.span_room()), stretches, 1, kernels::kCausalConvThreads, 0},
                &args);
}

void GpuDevice::do_gated_delta_rule(const Tensor& out, const Tensor& qkv, const Tensor& gates,
                                    const Tensor& rates, const Tensor& bias, int num_key_heads,
                                    StateStore& states, int layer, const SpanTable& spans) {
  const auto& table = static_cast<const GpuSpanTable&>(spans);
  const StateLayout& layout = states.layout();
  if (table.span_room() == 0) return;
  const kernels::DeltaRuleArgs args{out.data<float>(),
                                    qkv.raw(),
                                    gates.data<float>(),
                                    rates.data<float>(),
                                    bias.data<float>(),
                                    view_of(states, states.matrices(0, layer), table),
                                    stride(out),
                                    stride(qkv),
                                    stride(gates),
                                    static_cast<u32>(layout.num_heads),
                                    static_cast<u32>(num_key_heads),
                                    static_cast<u32>(layout.key_dim),
                                    static_cast<u32>(layout.value_dim)};
  const bool wide = layout.key_dim > static_cast<int>(kPlainKeyDim);
  const u32 keys = wide ? kernels::kMaxKeyDim : kPlainKeyDim;
  const u32 shared_bytes =
      kernels::kDeltaTokens * kernels::delta_token_floats(keys) * static_cast<u32>(sizeof(float));
  launch_kernel(
      wide ? typed(qkv, Kernel::delta_rule_wide_f32, Kernel::delta_rule_wide_f16)
           : typed(qkv, Kernel::delta_rule_f32, Kernel::delta_rule_f16),
      {static_cast<u32>(table.span_room()), static_cast<u32>(layout.num_heads),
       groups_of(layout.value_dim, kernels::kDeltaColumns), kernels::kDeltaThreads, shared_bytes},
      &args);
}

}  // namespace saccade::compute::gpu
