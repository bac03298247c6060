// Products of a few rows with quantized weights by tensor cores.
#include <algorithm>
#include <utility>

#include "compute/cuda/check.h"
#include "compute/cuda/cuda_device.h"
#include "compute/cuda/gemv/stream_gemv.h"
#include "compute/cuda/quant_gemm/quant_gemm.h"
#include "compute/cuda/stream_gemm/stream_gemm.h"
#include "compute/gpu/gpu_weight.h"
#include "compute/gpu/weight_kernels.h"

namespace saccade::compute::cuda {
namespace {

namespace kernels = saccade::gpu;

QuantGemmOutput output_of(const Tensor& y, const LinearOptions& options) {
  const bool f32 = y.dtype() == DType::kF32;
  if (options.gate) return f32 ? QuantGemmOutput::kGateF32 : QuantGemmOutput::kGateF16;
  if (options.add) return QuantGemmOutput::kAddF32;
  return f32 ? QuantGemmOutput::kF32 : QuantGemmOutput::kF16;
}

}  // namespace

/// Activations as int8.
struct CudaDevice::QuantizedRows {
  Tensor codes;    // u8 [rows, chunks * 32]
  Tensor chunks;   // u8 [rows, chunks * sizeof(ActivationChunk)]
  Tensor squares;  // f32 [rows, chunks]; of a norm
};

bool CudaDevice::CodedMatrix::is(const Tensor& x, const Tensor* norm) const {
  return data == x.raw() && rows == x.rows() && columns == x.size(1) &&
         norm_weight == (norm ? norm->raw() : nullptr);
}

CudaDevice::QuantizedRows CudaDevice::room_for(std::int64_t rows, std::int64_t chunks) {
  constexpr auto kChunkBytes = static_cast<std::int64_t>(sizeof(kernels::ActivationChunk));
  return {empty(DType::kU8, {rows, chunks * kernels::kChunk}),
          empty(DType::kU8, {rows, chunks * kChunkBytes}),
          {}};
}

std::shared_ptr<CudaDevice::QuantizedRows> CudaDevice::coded_rows(const Tensor& out) {
  return std::make_shared<QuantizedRows>(room_for(out.rows(), out.size(1) / kernels::kChunk));
}

CodedRows CudaDevice::coded_view(const QuantizedRows& rows) {
  return {rows.codes.raw(), rows.chunks.raw(), rows.codes.size(1) / kernels::kChunk};
}

CudaDevice::QuantizedRows CudaDevice::quantize(const Tensor& x, const kernels::WeightView& view,
                                               const LinearOptions& options) {
  const std::int64_t chunks = view.chunks;
  QuantizedRows quantized = room_for(x.rows(), chunks);
  kernels::QuantizeArgs args{};
  args.codes = static_cast<kernels::u32*>(quantized.codes.raw());
  args.chunks = static_cast<kernels::ActivationChunk*>(quantized.chunks.raw());
  args.x = x.raw();
  if (options.norm_weight) {
    quantized.squares = empty(DType::kF32, {x.rows(), chunks});
    args.norm_weight = options.norm_weight->data<float>();
    args.squares = quantized.squares.data<float>();
    if (added_.data == x.raw() && added_.rows == x.rows() && added_.columns == x.size(1)) {
      norms_after_.insert_or_assign(added_.weight, options.norm_weight->view());
    }
  }
  args.input_order = view.input_order;
  args.x_stride = static_cast<kernels::u64>(x.row_stride());
  args.x_type = x.dtype() == DType::kF32 ? kernels::NumberType::kF32 : kernels::NumberType::kF16;
  args.inputs = view.inputs;
  args.chunks_of_row = view.chunks;
  launch_kernel(gpu::Kernel::quantize_rows, gpu::quantize_grid(x.rows(), chunks, processors()),
                &args);
  return quantized;
}

bool CudaDevice::multiply_rows(const kernels::GemvArgs& args, std::int64_t rows) {
  if (!stream_gemv_fits(args.weight)) return false;
  coded_ = {};
  make_current();
  check(stream_gemv(stream_, args, static_cast<std::uint32_t>(rows), processors()),
        "launching a product");
  return true;
}

bool CudaDevice::multiplies_few(std::int64_t rows, const gpu::GpuWeight& w,
                                const LinearOptions& options) const {
  if (exact() || (rows > kFewRows && !options_.batch_invariant)) return false;
  if (options.gate && (w.segments().size() != 1 || options.add)) return false;
  return std::ranges::all_of(w.segments(), [](const gpu::GpuSegment& segment) {
    return quant_gemm_supported(segment.view);
  });
}

const Tensor* CudaDevice::expected_norm(const Tensor& y, const gpu::GpuWeight& w,
                                        const LinearOptions& options) const {
  if (!options.add || w.segments().size() != 1) return nullptr;
  const auto found = norms_after_.find(w.segments()[0].view.low);
  if (found == norms_after_.end() || found->second.size(0) != y.size(1)) return nullptr;
  const auto aligned = [](const void* data) {
    return reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
  };
  if (!aligned(found->second.raw()) || !aligned(y.raw()) || y.row_stride() % 4 != 0) return nullptr;
  return &found->second;
}

bool CudaDevice::multiply_few(const Tensor& y, const Tensor& x, const gpu::GpuWeight& w,
                              const LinearOptions& options) {
  if (!multiplies_few(x.rows(), w, options)) return false;
  CodedMatrix coded = std::exchange(coded_, {});
  QuantizedRows quantized;
  const std::int32_t* order = nullptr;
  if (coded.is(x, options.norm_weight)) quantized = std::move(*coded.quantized);
  const Tensor* next_norm = expected_norm(y, w, options);
  for (const gpu::GpuSegment& segment : w.segments()) {
    if (quantized.codes.empty() || segment.view.input_order != order) {
      quantized = quantize(x, segment.view, options);
      order = segment.view.input_order;
    }
    const bool gated = options.gate.has_value();
    // Whose bits are not quant_gemm's, which takes any number of rows.
    const bool streamed =
        !options_.batch_invariant && stream_gemm_pays(segment.view, x.rows(), gated, processors());
    const QuantGemmPlan plan = quant_gemm_plan(segment.view, gated, processors());
    std::shared_ptr<QuantizedRows> results;
    if (((gated && y.dtype() == DType::kF16) || next_norm) &&
        (streamed ? stream_gemm_quantizes(segment.view, gated)
                  : quant_gemm_quantizes(segment.view, gated, plan))) {
      results = coded_rows(y);
    }
    const Tensor part = gated ? y.view() : y.view_columns(segment.first, segment.outputs);
    QuantGemmArgs args;
    args.weight = segment.view;
    args.codes = quantized.codes.raw();
    args.chunks = static_cast<const kernels::ActivationChunk*>(quantized.chunks.raw());
    if (options.norm_weight) args.squares = quantized.squares.data<float>();
    args.eps = options.norm_eps;
    if (options.bias) args.bias = options.bias->data<float>() + segment.first;
    args.y = part.raw();
    args.y_stride = part.row_stride();
    args.rows = static_cast<int>(x.rows());
    args.output = output_of(y, options);
    if (options.gate) args.activation = gpu::function_of(*options.gate);
    if (results) {
      args.y_codes = results->codes.raw();
      args.y_chunks = static_cast<kernels::ActivationChunk*>(results->chunks.raw());
    }
    if (results && next_norm) {
      results->squares = empty(DType::kF32, {y.rows(), y.size(1) / kernels::kChunk});
      args.y_norm = next_norm->data<float>();
      args.y_squares = results->squares.data<float>();
    }
    args.overlap = true;
    if (streamed) {
      make_current();
      const StreamGemmCut cut =
          stream_gemm_cut(segment.view, gated, results != nullptr, processors());
      check(stream_gemm(args, cut, processors(), stream_), "launching a streamed product");
    } else {
      const std::size_t bytes =
          quant_gemm_workspace_bytes(segment.view, static_cast<int>(x.rows()), plan);
      args.workspace = cleared_workspace(quant_workspaces_, static_cast<std::int64_t>(bytes));
      quant_gemm(args, plan, stream_);
    }
    if (results) {
      coded_ = {y.raw(), y.rows(), y.size(1), next_norm ? next_norm->raw() : nullptr,
                std::move(results)};
    }
  }
  added_ = {};
  if (options.add && w.segments().size() == 1) {
    added_ = {w.segments()[0].view.low, y.raw(), y.rows(), y.size(1)};
  }
  return true;
}

}  // namespace saccade::compute::cuda
