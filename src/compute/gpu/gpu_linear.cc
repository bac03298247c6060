// Products with weight matrices, and rows of them, on a GPU.
#include <algorithm>

#include "base/error.h"
#include "compute/gpu/gpu_device.h"
#include "compute/gpu/gpu_weight.h"
#include "compute/gpu/weight_kernels.h"
#include "compute/gpu/weight_pack.h"

namespace saccade::compute::gpu {
namespace {

namespace kernels = saccade::gpu;
using kernels::u32;
using kernels::u64;

// Packed at a time: enough for the copy to run at full speed.
constexpr std::int64_t kStagingBytes = std::int64_t{32} << 20;
// Weights are dequantized for matrix units in pieces of at most this size. (Gates of Qwen2.5-VL-7B
// and what they multiply are two.)
constexpr std::int64_t kDenseBytes = std::int64_t{136} << 20;
// Outputs of pieces are multiples of this.
constexpr std::int64_t kPieceOutputs = 256;
// Groups side by side in the second dimension of a grid.
constexpr std::int64_t kMaxGridRows = 65535;

kernels::NumberType number_type(DType dtype) {
  return dtype == DType::kF32 ? kernels::NumberType::kF32 : kernels::NumberType::kF16;
}

/// `tensor` [n] from `first` on, or nothing.
Tensor slice(const Tensor* tensor, std::int64_t first, std::int64_t count) {
  if (!tensor) return {};
  return tensor->view_rows(first, count);
}

/// A dense matrix in device memory as the kernels' weight.
WeightView dense_view(DType dtype, const void* data, std::int64_t outputs, std::int64_t inputs,
                      std::int64_t stride) {
  WeightView view{};
  view.low = static_cast<const kernels::u8*>(data);
  view.outputs = static_cast<u32>(outputs);
  view.inputs = static_cast<u32>(inputs);
  view.stride = static_cast<u32>(stride);
  view.factor = 1.0f;
  view.codes = dtype == DType::kF32 ? CodeKind::kF32 : CodeKind::kF16;
  view.scale_kind = ScaleKind::kNone;
  return view;
}

}  // namespace

std::shared_ptr<const Weight> GpuDevice::do_pack(std::span<const HostMatrix> parts,
                                                 WeightUse /*use*/) {
  std::vector<GpuSegment> segments;
  std::int64_t outputs = 0;
  for (const SegmentLayout& layout : weight_layout(parts, !exact_)) {
    GpuSegment segment{layout.first, layout.outputs, layout.integer(), layout.bytes,
                       take_lasting_memory(layout.bytes)};
    auto* memory = static_cast<std::byte*>(segment.memory.get());
    segment.view = weight_view(layout, memory);
    const std::int64_t block = rows_in_staging(layout, kStagingBytes);
    std::vector<std::byte> staging(staging_bytes(layout, block));
    for (std::int64_t first = 0; first < layout.outputs; first += block) {
      const std::int64_t rows = std::min(block, layout.outputs - first);
      for (const WeightCopy& copy : pack_rows(layout, first, rows, staging.data(), threads_)) {
        copy_in(memory + copy.to, staging.data() + copy.from, copy.bytes);
      }
    }
    outputs += layout.outputs;
    segments.push_back(std::move(segment));
  }
  const std::int64_t inputs = parts.empty() ? 0 : parts[0].inputs;
  return std::make_shared<GpuWeight>(outputs, inputs, std::move(segments));
}

bool GpuDevice::multiply_rows(const kernels::GemvArgs&, std::int64_t) {
  return false;
}

bool GpuDevice::multiply_dense(const Tensor&, const Tensor&, const void*, std::int64_t,
                               const Tensor*, bool) {
  return false;
}

bool GpuDevice::multiplies_gated(std::int64_t) const {
  return false;
}

bool GpuDevice::multiply_gated(const Tensor&, const Tensor&, const GatedMatrices&, Activation) {
  return false;
}

bool GpuDevice::multiplies_few(std::int64_t, const GpuWeight&, const LinearOptions&) const {
  return false;
}

bool GpuDevice::multiply_few(const Tensor&, const Tensor&, const GpuWeight&, const LinearOptions&) {
  return false;
}

bool GpuDevice::takes_gemv(const GpuWeight& w, std::int64_t rows,
                           const LinearOptions& options) const {
  const bool floats = std::ranges::all_of(w.segments(), &GpuSegment::plain_floats);
  // Gates and what they multiply must be rows of one matrix.
  if (options.gate && w.segments().size() != 1) return false;
  if (options.precise && floats) return true;
  return rows <= gemv_rows() && (!exact_ || floats);
}

void GpuDevice::gemv(const Tensor& y, const Tensor& x, const WeightView& view,
                     const LinearOptions& options) {
  kernels::GemvArgs args{};
  args.weight = view;
  if (options.norm_weight) args.norm_weight = options.norm_weight->data<float>();
  if (options.bias) args.bias = options.bias->data<float>();
  args.x_stride = static_cast<u64>(x.row_stride());
  args.y_stride = static_cast<u64>(y.row_stride());
  args.n = static_cast<u32>(y.size(1));
  args.eps = options.norm_eps;
  args.x_type = number_type(x.dtype());
  args.store = options.add                ? kernels::GemvStore::kAddF32
               : y.dtype() == DType::kF32 ? kernels::GemvStore::kF32
                                          : kernels::GemvStore::kF16;
  args.gated = options.gate.has_value();
  if (options.gate) args.activation = function_of(*options.gate);
  for (std::int64_t row = 0; row < x.rows(); row += kMaxGridRows) {
    const std::int64_t rows = std::min(kMaxGridRows, x.rows() - row);
    args.x = x.view_rows(row, rows).raw();
    args.y = y.view_rows(row, rows).raw();
    if (multiply_rows(args, rows)) continue;
    const GemvPlan plan = gemv_plan(view, y.size(1), args.gated, rows, processors());
    args.tiling = plan.tiling;
    launch_kernel(plan.kernel, plan.grid, &args);
  }
}

void GpuDevice::dequantize(const Tensor& y, const WeightView& view, const std::int32_t* ids,
                           std::int64_t first) {
  const DequantizePlan plan = dequantize_plan(view, y.rows(), y.row_stride());
  const kernels::DequantizeArgs args{view,
                                     y.raw(),
                                     ids,
                                     static_cast<u64>(y.row_stride()),
                                     static_cast<u32>(first),
                                     static_cast<u32>(y.rows()),
                                     plan.column_groups,
                                     number_type(y.dtype())};
  launch_kernel(plan.kernel, plan.grid, &args);
}

void GpuDevice::multiply_segment(const Tensor& y, const Tensor& x, const GpuSegment& segment,
                                 const Tensor* bias, bool add) {
  const DType dtype = activation_dtype();
  const WeightView& view = segment.view;
  const auto product = [&](const Tensor& to, const void* w, std::int64_t w_stride,
                           const Tensor* part_bias) {
    if (multiply_dense(to, x, w, w_stride, part_bias, add)) return;
    gemv(to, x, dense_view(dtype, w, to.size(1), view.inputs, w_stride),
         {.bias = part_bias, .add = add});
  };
  const CodeKind same = dtype == DType::kF32 ? CodeKind::kF32 : CodeKind::kF16;
  if (view.codes == same && !view.input_order) return product(y, view.low, view.stride, bias);
  const std::int64_t inputs = x.size(1);  // filled up with zeros
  const std::int64_t bytes_of_row = inputs * static_cast<std::int64_t>(dtype_bytes(dtype));
  const std::int64_t step =
      std::min(segment.outputs,
               std::max(kPieceOutputs, kDenseBytes / bytes_of_row / kPieceOutputs * kPieceOutputs));
  const Tensor dense = empty(dtype, {step, inputs});
  for (std::int64_t first = 0; first < segment.outputs; first += step) {
    const std::int64_t count = std::min(step, segment.outputs - first);
    dequantize(dense.view_rows(0, count), view, nullptr, first);
    const Tensor part_bias = slice(bias, first, count);
    product(y.view_columns(first, count), dense.raw(), inputs, bias ? &part_bias : nullptr);
  }
}

Tensor GpuDevice::aligned_input(const Tensor& x) {
  const DType dtype = activation_dtype();
  const std::int64_t unit = row_unit();
  const bool aligned = x.dtype() == dtype && x.size(1) % unit == 0 && x.row_stride() % unit == 0 &&
                       reinterpret_cast<std::uintptr_t>(x.raw()) % 16 == 0;
  if (aligned) return x.view();
  Tensor filled = empty(dtype, {x.rows(), (x.size(1) + unit - 1) / unit * unit});
  convert(filled, x);
  return filled;
}

void GpuDevice::multiply_segments(const Tensor& y, const Tensor& x, const GpuWeight& w,
                                  const LinearOptions& options) {
  const Tensor input = aligned_input(x);
  for (const GpuSegment& segment : w.segments()) {
    const Tensor bias = slice(options.bias, segment.first, segment.outputs);
    multiply_segment(y.view_columns(segment.first, segment.outputs), input, segment,
                     options.bias ? &bias : nullptr, options.add);
  }
}

bool GpuDevice::takes_gated_product(std::int64_t rows, const GpuWeight& w,
                                    const LinearOptions& options) const {
  return options.gate && !options.add && w.segments().size() == 1 &&
         w.outputs() / 2 % row_unit() == 0 && multiplies_gated(rows);
}

bool GpuDevice::gated_product(const Tensor& y, const Tensor& x, const GpuWeight& w,
                              const LinearOptions& options) {
  if (!takes_gated_product(x.rows(), w, options) || y.dtype() != activation_dtype()) return false;
  const WeightView& view = w.segments()[0].view;
  const Tensor input = aligned_input(x);
  const std::int64_t outputs = y.size(1);
  const auto with_biases = [&](GatedMatrices matrices, std::int64_t first) {
    if (options.bias) {
      matrices.gates_bias = options.bias->data<float>() + first;
      matrices.up_bias = matrices.gates_bias + outputs;
    }
    return matrices;
  };
  const CodeKind same = exact_ ? CodeKind::kF32 : CodeKind::kF16;
  if (view.codes == same && !view.input_order) {
    return multiply_gated(y, input, with_biases({view.low, outputs, view.stride}, 0),
                          *options.gate);
  }
  const std::int64_t inputs = input.size(1);
  const std::int64_t bytes_of_row =
      2 * inputs * static_cast<std::int64_t>(dtype_bytes(activation_dtype()));
  const std::int64_t pieces = (outputs * bytes_of_row + kDenseBytes - 1) / kDenseBytes;
  const std::int64_t units = (outputs + kPieceOutputs - 1) / kPieceOutputs;
  const std::int64_t step = std::min(outputs, (units + pieces - 1) / pieces * kPieceOutputs);
  const Tensor dense = empty(activation_dtype(), {2 * step, inputs});
  for (std::int64_t first = 0; first < outputs; first += step) {
    const std::int64_t count = std::min(step, outputs - first);
    dequantize(dense.view_rows(0, count), view, nullptr, first);
    dequantize(dense.view_rows(step, count), view, nullptr, outputs + first);
    if (!multiply_gated(y.view_columns(first, count), input,
                        with_biases({dense.raw(), step, inputs}, first), *options.gate)) {
      return false;
    }
  }
  return true;
}

bool GpuDevice::do_fused_linear(const Tensor& y, const Tensor& x, const Weight& weight,
                                const LinearOptions& options) {
  const auto& w = static_cast<const GpuWeight&>(weight);
  if (x.rows() == 0) return true;
  if (takes_gemv(w, x.rows(), options)) {
    for (const GpuSegment& segment : w.segments()) {
      const Tensor bias = slice(options.bias, segment.first, segment.outputs);
      LinearOptions part = options;
      if (options.bias) part.bias = &bias;
      gemv(options.gate ? y.view() : y.view_columns(segment.first, segment.outputs), x,
           segment.view, part);
    }
    return true;
  }
  if (multiply_few(y, x, w, options)) return true;
  if (options.norm_weight) {
    const Tensor normed = activations(x.shape());
    do_rms_norm(normed, x, *options.norm_weight, options.norm_eps);
    LinearOptions rest = options;
    rest.norm_weight = nullptr;
    apply_linear(y, normed, w, rest);
    return true;
  }
  if (options.gate) return gated_product(y, x, w, options);
  multiply_segments(y, x, w, options);
  return true;
}

bool GpuDevice::fuses_gate(std::int64_t rows, const Weight& weight,
                           const LinearOptions& options) const {
  const auto& w = static_cast<const GpuWeight&>(weight);
  return takes_gemv(w, rows, options) || multiplies_few(rows, w, options) ||
         takes_gated_product(rows, w, options);
}

void GpuDevice::do_linear(const Tensor& y, const Tensor& x, const Weight& w, const Tensor* bias) {
  do_fused_linear(y, x, w, {.bias = bias});
}

void GpuDevice::do_embed(const Tensor& y, const Weight& weight, const Tensor& ids) {
  const auto& w = static_cast<const GpuWeight&>(weight);
  if (w.segments().size() != 1) fail("[embed] a table in several formats has no GPU kernel");
  if (y.rows() > 0) dequantize(y, w.segments()[0].view, ids.data<std::int32_t>(), 0);
}

}  // namespace saccade::compute::gpu
