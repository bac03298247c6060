#include "compute/cuda/quant_gemm/quant_gemm_kernel.cuh"

namespace saccade::compute::cuda {

template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kTable4>(ScaleUnit unit, ScaleKind, int rows,
                                                     u32 output_warps) {
  constexpr CodeKind kCodes = CodeKind::kTable4;
  return unit == ScaleUnit::kHalf
             ? choose_tiles<kCodes, ScaleUnit::kHalf, ScaleKind::kNone>(rows, output_warps)
             : choose_tiles<kCodes, ScaleUnit::kChunk, ScaleKind::kNone>(rows, output_warps);
}

}  // namespace saccade::compute::cuda
