// What the kernels of quant_gemm.h and those who launch them agree on.
#pragma once

#include "compute/cuda/quant_gemm.h"

#if defined(__CUDACC__)
#define SACCADE_EVERYWHERE __host__ __device__
#else
#define SACCADE_EVERYWHERE
#endif

namespace saccade::compute::cuda {

using namespace saccade::gpu;  // the weights' kinds, and the integer types of shared kernels

/// Inputs that share a weight scale, at least.
enum class ScaleUnit : u8 { kHalf, kChunk, kPair };

constexpr u32 kStageChunks = 4;
constexpr u32 kWarpOutputs = 32;

struct QuantGemmKernelArgs {
  WeightView w;
  const u8* codes;
  const ActivationChunk* chunks;
  const float* bias;
  void* y;
  float* partials;  // [row tiles, output tiles, splits, kTiles * 8, outputs of a block]
  u32* counters;    // [row tiles, output tiles]
  u64 y_stride;
  u32 rows;
  u32 pair_distance;  // rows r and r + this are one gated output; 0: not gated
  u32 output_warps, depth_warps, splits, stages;
  QuantGemmOutput output;
  Function activation;
};

/// Floats from row to row of a block's results in shared memory; lanes store to different banks.
SACCADE_EVERYWHERE constexpr u32 result_stride(u32 outputs) {
  return outputs + 4;
}

/// A kernel of QuantGemmKernelArgs and what it needs.
struct QuantGemmKernel {
  const void* kernel = nullptr;
  u32 rows = 0;  ///< of activations, of a block
  /// Of shared memory for the warps that share a range of inputs.
  u32 (*team_bytes)(u32 output_warps, u32 stages) = nullptr;
};

/// The kernel for codes of one kind, if the unit is one that formats of these codes have.
template <CodeKind kCodes>
QuantGemmKernel choose_quant_gemm(ScaleUnit unit, int rows);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt2>(ScaleUnit unit, int rows);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt3>(ScaleUnit unit, int rows);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt4>(ScaleUnit unit, int rows);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt5>(ScaleUnit unit, int rows);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt6>(ScaleUnit unit, int rows);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt8>(ScaleUnit unit, int rows);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kTable4>(ScaleUnit unit, int rows);

}  // namespace saccade::compute::cuda
