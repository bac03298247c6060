// A block's tiles of a dense product, and how their operands lie in shared memory.
#pragma once

#include "compute/cuda/attention/hopper.cuh"

namespace saccade::compute::cuda::gemm {

/// Results on their way to memory: 64 rows by 32 columns of f16, the 16-byte chunks of a row
/// swizzled over eight rows as a map with boxes of 32 columns wants it.
struct OutputPart {
  static constexpr int kColumns = 32;
  static constexpr int kRowBytes = 64;
  static constexpr int kBytes = 64 * kRowBytes;

  static __device__ __forceinline__ std::uint32_t offset(int row, int chunk) {
    return row * kRowBytes + ((chunk ^ row >> 1) & 3) * 16;
  }
};

/// 128 rows by 192 results: as many as a warpgroup has registers for. Two warpgroups have every
/// other of a block's tiles; while one ends its tile, the other has the tensor cores.
struct Tile {
  static constexpr int kRows = 128;
  static constexpr int kColumns = 192;
  static constexpr int kBlocks = kRows / 64;  ///< of rows that one wgmma has
  static constexpr int kAccumulators = kColumns / 8;
  static constexpr int kConsumers = 2;
  static constexpr int kThreads = (kConsumers + 1) * 128;
  static constexpr int kDepth = 64;  ///< inputs of a stage: a row of the swizzle's pattern
  static constexpr int kCluster = 2;

  using HalfRows = hopper::PartedTile<kRows / 2, kDepth>;
  using Weights = hopper::PartedTile<kColumns, kDepth>;
  using HalfWeights = hopper::PartedTile<kColumns / 2, kDepth>;
  static constexpr int kRowsBytes = 2 * HalfRows::kBytes;
  static constexpr int kStageBytes = kRowsBytes + Weights::kBytes;
  static constexpr int kOutputParts = 3;  ///< that a consumer sends at a time
  static constexpr int kOutputBytes = kOutputParts * OutputPart::kBytes;

  static constexpr int kStages = 5;
  /// 1024 more than needed: the begin is rounded up to the pattern of the swizzle.
  static constexpr int kSharedBytes =
      1024 + kStages * (kStageBytes + 2 * 8) + kConsumers * kOutputBytes;
  static_assert(kSharedBytes <= 227 << 10);

  // Named barriers, of each consumer; 0 is __syncthreads'.
  static constexpr int kTurnBarrier = 1;
  static constexpr int kGroupBarrier = kTurnBarrier + kConsumers;

  std::uint32_t shared;  ///< stages, outputs of each consumer, barriers

  __device__ __forceinline__ explicit Tile(void* memory)
      : shared((ptx::shared_address(memory) + 1023) / 1024 * 1024) {}

  __device__ __forceinline__ std::uint32_t rows(int stage, int half) const {
    return shared + stage * kStageBytes + half * HalfRows::kBytes;
  }
  __device__ __forceinline__ std::uint32_t weights(int stage, int half) const {
    return shared + stage * kStageBytes + kRowsBytes + half * HalfWeights::kBytes;
  }
  __device__ __forceinline__ std::uint32_t output(int consumer) const {
    return shared + kStages * kStageBytes + consumer * kOutputBytes;
  }
  __device__ __forceinline__ std::uint32_t full(int stage) const {
    return output(kConsumers) + stage * 8;
  }
  __device__ __forceinline__ std::uint32_t empty(int stage) const { return full(kStages + stage); }

  /// By all threads, before anything else.
  __device__ __forceinline__ void init_barriers() const {
    if (threadIdx.x == 0) {
      for (int stage = 0; stage < kStages; ++stage) {
        hopper::barrier_init(full(stage), 1);
        // Warps of one consumer in each block: what a block copies may be in use in the other.
        hopper::barrier_init(empty(stage), kCluster * 4);
      }
      hopper::barrier_init_fence();
    }
    ptx::cluster_arrive();
    ptx::cluster_wait();
  }
};

/// The stages in their order, again and again.
struct Ring {
  int stage, parity;

  __device__ __forceinline__ explicit Ring(unsigned index)
      : stage(static_cast<int>(index % Tile::kStages)),
        parity(static_cast<int>(index / Tile::kStages & 1)) {}

  __device__ __forceinline__ void advance() {
    if (++stage < Tile::kStages) return;
    stage = 0;
    parity ^= 1;
  }
};

}  // namespace saccade::compute::cuda::gemm
