// What the end of a tile of quant_gemm_kernel.cuh reads besides sums, brought close beforehand.
#pragma once

#include "compute/cuda/quant_gemm/quant_gemm_kernel.h"

namespace saccade::compute::cuda {

/// What a warp does that has no inputs of its own: it reads what the end of a tile needs, which has
/// long left the second cache and would take a microsecond then.
template <u32 kOutputs>
class EndReads {
 public:
  GPU_FN EndReads(const QuantGemmKernelArgs& a, u32 tile)
      : a_(a), first_(tile * kOutputs), lane_(threadIdx.x % kLanes) {}

  /// Weights, which no other launch writes.
  GPU_FN void read_weights() {
    if (a_.bias) read(a_.bias, lane_);
    if (a_.y_norm) read(a_.y_norm, lane_);
  }
  /// What sums are added to.
  GPU_FN void read_results(u32 first_row, u32 rows) {
    if (a_.output != QuantGemmOutput::kAddF32) return;
    for (u32 i = lane_; i < rows * kSectors; i += kLanes) {
      read((const float*)a_.y + u64(first_row + i / kSectors) * a_.y_stride, i % kSectors);
    }
  }
  /// What depends on all that was read.
  GPU_FN u32 bits() const { return bits_; }

 private:
  /// Floats that are fetched at once.
  static constexpr u32 kSector = 8;
  static constexpr u32 kSectors = kOutputs / kSector;

  GPU_FN void read(const float* row, u32 sector) {
    const u32 output = first_ + sector * kSector;
    if (sector < kSectors && output < a_.w.outputs) bits_ ^= as_bits(row[output]);
  }

  const QuantGemmKernelArgs& a_;
  u32 first_, lane_, bits_ = 0;
};

}  // namespace saccade::compute::cuda
