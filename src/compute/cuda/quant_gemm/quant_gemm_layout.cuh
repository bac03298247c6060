// Where a team of quant_gemm_product.cuh has its stages and scales in shared memory.
#pragma once

#include "compute/cuda/quant_gemm/quant_gemm_scales.cuh"

namespace saccade::compute::cuda {

/// Shared bytes from row to row of a plane with `bytes` for a chunk, such that eight rows lie in
/// different banks; rows of 16 bytes a chunk are permuted instead.
SACCADE_EVERYWHERE constexpr u32 plane_stride(u32 bytes) {
  return kStageChunks * bytes + (bytes == 16 ? 0 : 16);
}

/// Where things are in a team's shared memory. All sizes are multiples of 256.
template <CodeKind kCodes, ScaleUnit kUnit, u32 kTiles, u32 kWarps>
struct TeamLayout {
  using P = Planes<kCodes>;
  static constexpr u32 kRows = kTiles * 8;
  static constexpr u32 kUnits = units_of_stage(kUnit);
  static constexpr u32 kLowStride = plane_stride(P::kLowWords * 4);
  static constexpr u32 kHighStride = P::kHighWords > 0 ? plane_stride(P::kHighWords * 4) : 0;
  static constexpr u32 kWarpWeights = kWarpOutputs * (kLowStride + kHighStride);
  // A stage: weights, codes of activations, and what stands beside these.
  static constexpr u32 kActivations = kWarps * kWarpWeights;
  static constexpr u32 kActivationChunks = kActivations + kRows * kStageChunks * kChunk;
  static constexpr u32 kStageBytes = kActivationChunks + kRows * kStageChunks * 8;
  // Scales as floats: of weights (scale, offset) [warps][units][outputs], of activations [pairs of
  // chunks][pairs of rows][chunk][row], and sums of activations [units][rows].
  static constexpr u32 kWarpScales = kWarpOutputs * kUnits * 8;
  static constexpr u32 kActivationScales = kWarps * kWarpScales;
  /// Floats of a pair of chunks; lanes store to different banks.
  static constexpr u32 kPairScales = kRows * 2 + 8;
  static constexpr u32 kActivationSums =
      kActivationScales + kStageChunks / 2 * kPairScales * sizeof(float);
  static constexpr u32 kScaleBytes = (kActivationSums + kRows * kUnits * 4 + 255) / 256 * 256;

  /// Of several warps scales are there twice: those of the next stage are stored while slow warps
  /// use this one's.
  static constexpr u32 kScaleSlots = kWarps > 1 ? 2 : 1;
  SACCADE_EVERYWHERE static constexpr u32 bytes(u32 stages) {
    return stages * kStageBytes + kScaleSlots * kScaleBytes;
  }
};

}  // namespace saccade::compute::cuda
