#include "compute/gpu/gpu_device.h"

#include "base/error.h"
#include "tensor/dequantize.h"

namespace saccade::compute::gpu {
namespace {

namespace kernels = saccade::gpu;

/// Groups of a kernel of single elements (elementwise.h) over rows of `n` columns.
Grid element_grid(std::int64_t rows, std::int64_t n) {
  constexpr std::int64_t kColumns = std::int64_t{kernels::kElementThreads} * kernels::kUnit;
  return {static_cast<std::uint32_t>(rows),
          static_cast<std::uint32_t>((n + kColumns - 1) / kColumns), 1, kernels::kElementThreads,
          0};
}

Grid norm_grid(std::int64_t rows) {
  return {static_cast<std::uint32_t>(rows), 1, 1, kernels::kNormThreads, kernels::kNormSharedBytes};
}

kernels::u64 stride(const Tensor& tensor) {
  return static_cast<kernels::u64>(tensor.row_stride());
}

kernels::u32 columns(const Tensor& tensor) {
  return static_cast<kernels::u32>(tensor.size(1));
}

}  // namespace

// Two threads pack as fast as files are read.
GpuDevice::GpuDevice(bool exact) : exact_(exact), threads_(std::min(available_cores(), 8)) {}

Tensor GpuDevice::empty(DType dtype, const Shape& shape) {
  std::shared_ptr<void> storage =
      take_memory(shape.elements() * static_cast<std::int64_t>(dtype_bytes(dtype)));
  void* data = storage.get();
  return Tensor(std::move(storage), data, dtype, shape);
}

void GpuDevice::upload(const Tensor& to, const void* from) {
  if (!to.dense()) fail("[upload] wanted a dense tensor");
  copy_in(to.raw(), from, to.bytes());
}

void GpuDevice::download(void* to, const Tensor& from) {
  if (!from.dense()) fail("[download] wanted a dense tensor");
  copy_out(to, from.raw(), from.bytes());
}

Tensor GpuDevice::to_f32(const HostTensor& tensor) {
  const std::int64_t elements = tensor.shape.elements();
  std::vector<float> values(elements);
  for (std::int64_t i = 0; i < elements; ++i) values[i] = float_at(tensor.data, tensor.dtype, i);
  Tensor copy = empty(DType::kF32, tensor.shape);
  upload(copy, values.data());
  return copy;
}

Kernel typed(std::string_view op, const Tensor& y, const Tensor& x, Kernel f32_f32, Kernel f16_f32,
             Kernel f16_f16) {
  if (y.dtype() == DType::kF32 && x.dtype() == DType::kF32) return f32_f32;
  if (y.dtype() == DType::kF16) return x.dtype() == DType::kF32 ? f16_f32 : f16_f16;
  fail("[{}] no kernel makes {} of {}", op, dtype_name(y.dtype()), dtype_name(x.dtype()));
}

Kernel typed(const Tensor& x, Kernel f32, Kernel f16) {
  return x.dtype() == DType::kF32 ? f32 : f16;
}

void GpuDevice::do_rms_norm(const Tensor& y, const Tensor& x, const Tensor& weight, float eps) {
  if (x.size(1) != weight.size(0)) {
    const std::int64_t heads = x.size(1) / weight.size(0);
    constexpr std::int64_t kWarps = kernels::kNormThreads / kernels::kLanes;
    const kernels::RmsNormHeadsArgs args{x.raw(),
                                         weight.data<float>(),
                                         stride(x),
                                         static_cast<kernels::u32>(heads),
                                         static_cast<kernels::u32>(weight.size(0)),
                                         eps};
    launch_kernel(
        typed(x, Kernel::rms_norm_heads_f32, Kernel::rms_norm_heads_f16),
        {static_cast<std::uint32_t>(x.rows()),
         static_cast<std::uint32_t>((heads + kWarps - 1) / kWarps), 1, kernels::kNormThreads, 0},
        &args);
    return;
  }
  const kernels::RmsNormArgs args{y.raw(),    x.raw(), weight.data<float>(), stride(y), stride(x),
                                  columns(x), eps};
  launch_kernel(typed("rms_norm", y, x, Kernel::rms_norm_f32_f32, Kernel::rms_norm_f16_f32,
                      Kernel::rms_norm_f16_f16),
                norm_grid(x.rows()), &args);
}

void GpuDevice::do_layer_norm(const Tensor& y, const Tensor& x, const Tensor& weight,
                              const Tensor* bias, float eps) {
  const kernels::LayerNormArgs args{
      y.raw(),   x.raw(),   weight.data<float>(), bias ? bias->data<float>() : nullptr,
      stride(y), stride(x), columns(x),           eps};
  launch_kernel(typed("layer_norm", y, x, Kernel::layer_norm_f32_f32, Kernel::layer_norm_f16_f32,
                      Kernel::layer_norm_f16_f16),
                norm_grid(x.rows()), &args);
}

void GpuDevice::do_add(const Tensor& y, const Tensor& x) {
  const kernels::AddArgs args{y.raw(), x.raw(), stride(y), stride(x), columns(y)};
  const Kernel kernel = y.dtype() == DType::kF32
                            ? typed(x, Kernel::add_f32_f32, Kernel::add_f32_f16)
                            : typed(x, Kernel::add_f16_f32, Kernel::add_f16_f16);
  launch_kernel(kernel, element_grid(y.rows(), y.size(1)), &args);
}

void GpuDevice::map(const Tensor& x, saccade::gpu::Function function, float parameter) {
  const kernels::MapArgs args{x.raw(), stride(x), columns(x), function, parameter};
  launch_kernel(typed(x, Kernel::map_f32, Kernel::map_f16), element_grid(x.rows(), x.size(1)),
                &args);
}

void GpuDevice::do_scale(const Tensor& x, float factor) {
  map(x, kernels::Function::kScale, factor);
}

void GpuDevice::do_softcap(const Tensor& x, float cap) {
  map(x, kernels::Function::kSoftcap, cap);
}

void GpuDevice::do_clamp(const Tensor& y, const Tensor& x, float low, float high) {
  const kernels::ClampArgs args{y.raw(), x.raw(), stride(y), stride(x), columns(x), low, high};
  launch_kernel(typed(x, Kernel::clamp_f32, Kernel::clamp_f16), element_grid(x.rows(), x.size(1)),
                &args);
}

void GpuDevice::do_activate(const Tensor& x, Activation activation) {
  map(x, function_of(activation), 0.0f);
}

void GpuDevice::do_scale_columns(const Tensor& x, const Tensor& factors) {
  const kernels::ScaleColumnsArgs args{x.raw(), factors.data<float>(), stride(x), columns(x)};
  launch_kernel(typed(x, Kernel::scale_columns_f32, Kernel::scale_columns_f16),
                element_grid(x.rows(), x.size(1)), &args);
}

void GpuDevice::do_gate(const Tensor& y, const Tensor& gate_up, Activation activation) {
  const kernels::GateArgs args{y.raw(),         gate_up.raw(), stride(y),
                               stride(gate_up), columns(y),    function_of(activation)};
  launch_kernel(
      typed("gate", y, gate_up, Kernel::gate_f32_f32, Kernel::gate_f16_f32, Kernel::gate_f16_f16),
      element_grid(y.rows(), y.size(1)), &args);
}

void GpuDevice::do_apply_gate(const Tensor& y, const Tensor& gate, Activation activation) {
  const kernels::ApplyGateArgs args{y.raw(),      gate.raw(), stride(y),
                                    stride(gate), columns(y), function_of(activation)};
  const Kernel kernel = y.dtype() == DType::kF32
                            ? typed(gate, Kernel::apply_gate_f32_f32, Kernel::apply_gate_f32_f16)
                            : typed(gate, Kernel::apply_gate_f16_f32, Kernel::apply_gate_f16_f16);
  launch_kernel(kernel, element_grid(y.rows(), y.size(1)), &args);
}

void GpuDevice::convert(const Tensor& y, const Tensor& x) {
  const kernels::ConvertArgs args{y.raw(), x.raw(), stride(y), stride(x), columns(x), columns(y)};
  const Kernel kernel = y.dtype() == DType::kF32
                            ? typed(x, Kernel::convert_f32_f32, Kernel::convert_f32_f16)
                            : typed(x, Kernel::convert_f16_f32, Kernel::convert_f16_f16);
  launch_kernel(kernel, element_grid(y.rows(), y.size(1)), &args);
}

saccade::gpu::Function function_of(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return kernels::Function::kSilu;
    case Activation::kGelu:
      return kernels::Function::kGelu;
    case Activation::kGeluTanh:
      return kernels::Function::kGeluTanh;
    case Activation::kQuickGelu:
      return kernels::Function::kQuickGelu;
    case Activation::kRelu:
      return kernels::Function::kRelu;
    case Activation::kSigmoid:
      return kernels::Function::kSigmoid;
  }
  fail("an activation without a kernel");
}

}  // namespace saccade::compute::gpu
