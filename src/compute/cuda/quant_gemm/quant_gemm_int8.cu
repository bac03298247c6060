#include "compute/cuda/quant_gemm/quant_gemm_kernel.cuh"

namespace saccade::compute::cuda {

template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt8>(ScaleUnit unit, ScaleKind scales, int rows,
                                                   u32 output_warps) {
  constexpr CodeKind kCodes = CodeKind::kInt8;
  if (unit == ScaleUnit::kPair && scales == ScaleKind::kScaleOffset) {
    return choose_tiles<kCodes, ScaleUnit::kPair, ScaleKind::kScaleOffset>(rows, output_warps);
  }
  if (unit == ScaleUnit::kChunk && scales == ScaleKind::kScale) {
    return choose_tiles<kCodes, ScaleUnit::kChunk, ScaleKind::kScale>(rows, output_warps);
  }
  return unit == ScaleUnit::kChunk
             ? choose_tiles<kCodes, ScaleUnit::kChunk, ScaleKind::kNone>(rows, output_warps)
             : choose_tiles<kCodes, ScaleUnit::kPair, ScaleKind::kNone>(rows, output_warps);
}

}  // namespace saccade::compute::cuda
