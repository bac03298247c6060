// What the kernels of quant_gemm.h and those who launch them agree on.
#pragma once

#include "compute/cuda/quant_gemm/quant_gemm.h"

#if defined(__CUDACC__)
#define SACCADE_EVERYWHERE __host__ __device__
#else
#define SACCADE_EVERYWHERE
#endif

namespace saccade::compute::cuda {

using namespace saccade::gpu;  // the weights' kinds, and the integer types of shared kernels

/// Inputs that share a weight scale, at least.
enum class ScaleUnit : u8 { kHalf, kChunk, kPair };

/// Of the pieces in which inputs are fetched.
constexpr u32 kStageChunks = 8;
/// Outputs of a warp.
constexpr u32 kWarpOutputs = 32;

struct QuantGemmKernelArgs {
  WeightView w;
  const u8* codes;
  const ActivationChunk* chunks;
  const float* squares;  // [rows, chunks]; null: no norm
  const float* bias;
  void* y;
  float* partials;  // [row tiles, workers, 2, rows of a block, outputs of a block]
  u32* counters;    // [row tiles, workers]: parts of the tile that a worker begins and leaves
  u32* y_codes;     // null: none
  ActivationChunk* y_chunks;  // [rows, results of a row / 32]
  const float* y_norm;        // null: none
  float* y_squares;           // [rows, results of a row / 32]
  u64 y_stride;
  u32 rows;
  u32 pair_distance;  // rows r and r + this are one gated output; 0: not gated
  u32 tiles;          // of outputs
  u32 depth_warps, stages;
  float eps;
  bool aligned;  // four results of y can be stored at once
  QuantGemmOutput output;
  Function activation;
};

/// Floats from row to row of a block's results in shared memory; lanes store to different banks.
SACCADE_EVERYWHERE constexpr u32 result_stride(u32 outputs) {
  return outputs + 4;
}

/// 1.5 * 2^23: an integer below 2^22 added to these bits is the float of both's sum.
constexpr u32 kMagicBits = 0x4b400000u;
constexpr float kMagic = 12582912.0f;

/// What kernels get of a call, but for what depends on how they cut the work.
QuantGemmKernelArgs kernel_args(const QuantGemmArgs& args);

/// A kernel of QuantGemmKernelArgs and what it needs.
struct QuantGemmKernel {
  const void* kernel = nullptr;
  u32 rows = 0;     ///< of activations, of a block
  u32 threads = 0;  ///< of a block, at most
  /// Of shared memory for the warps that share a range of inputs.
  u32 (*team_bytes)(u32 stages) = nullptr;
};

/// The kernel for codes of one kind, if the unit is one that formats of these codes have.
template <CodeKind kCodes>
QuantGemmKernel choose_quant_gemm(ScaleUnit unit, ScaleKind scales, int rows, u32 output_warps);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt2>(ScaleUnit, ScaleKind, int, u32);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt3>(ScaleUnit, ScaleKind, int, u32);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt4>(ScaleUnit, ScaleKind, int, u32);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt5>(ScaleUnit, ScaleKind, int, u32);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt6>(ScaleUnit, ScaleKind, int, u32);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kInt8>(ScaleUnit, ScaleKind, int, u32);
template <>
QuantGemmKernel choose_quant_gemm<CodeKind::kTable4>(ScaleUnit, ScaleKind, int, u32);

}  // namespace saccade::compute::cuda
