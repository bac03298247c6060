// What becomes of a tile's sums: gates, biases, and the way to memory.
#pragma once

#include "compute/cuda/gemm/dense_gemm.h"
#include "compute/cuda/gemm/gemm_order.cuh"
#include "compute/cuda/gemm/gemm_tile.cuh"

namespace saccade::compute::cuda::gemm {

struct EpilogueArgs {
  const float* bias;     // null: none
  const float* up_bias;  // of kGate, where there is a bias
  int columns;           // of y
  saccade::gpu::Function activation;
};

/// Columns of y that a tile has: of a gated product, gates and what they multiply lie side by side
/// in the tile, so that one thread has both.
__host__ __device__ constexpr int columns_of_y(GemmEpilogue kind) {
  return kind == GemmEpilogue::kGate ? Tile::kColumns / 2 : Tile::kColumns;
}

/// A consumer warpgroup's. Thread t has of each 8 columns those two that begin at t % 4 * 2, in row
/// t / 32 * 16 + t % 32 / 4 of 64 and in the one 8 below, as wgmma leaves them.
template <GemmEpilogue kKind>
struct Epilogue {
  using Sums = float[Tile::kAccumulators][4];
  static constexpr int kColumns = columns_of_y(kKind);
  static constexpr int kPartTiles = Tile::kOutputParts * OutputPart::kColumns / 8;

  const Tile& tile;
  const EpilogueArgs& args;
  const CUtensorMap* y;
  int consumer;

  /// Of 64 rows from `row` on.
  __device__ __forceinline__ void operator()(Sums& d, int row, int column) const {
    if (args.bias != nullptr) add_bias(d, column);
    if constexpr (kKind == GemmEpilogue::kGate) gate(d);
#pragma unroll
    for (int i = 0; i < kColumns / 8; i += kPartTiles) store(&d[i], row, column + i * 8);
  }

 private:
  static __device__ __forceinline__ int lane_column() {
    return threadIdx.x % 4 * 2;
  }

  __device__ __forceinline__ void add_bias(Sums& d, int column) const {
#pragma unroll
    for (int i = 0; i < Tile::kAccumulators; ++i) {
      const float* bias = i * 8 < kColumns ? args.bias : args.up_bias;
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int at = column + i * 8 % kColumns + lane_column() + j;
        const float value = at < args.columns ? __ldg(bias + at) : 0.0f;
        d[i][j] += value;
        d[i][j + 2] += value;
      }
    }
  }

  /// Two sums as they would be between a product and its gates.
  static __device__ __forceinline__ float2 as_f16(const float* sums) {
    const std::uint32_t pair = held(sums[0], sums[1]);
    return __half22float2(reinterpret_cast<const __half2&>(pair));
  }

  template <saccade::gpu::Function kFunction>
  static __device__ __forceinline__ void gate_by(Sums& d) {
    constexpr int kHalf = Tile::kAccumulators / 2;
#pragma unroll
    for (int i = 0; i < kHalf; ++i) {
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        const float2 gates = as_f16(&d[i][j]);
        const float2 up = as_f16(&d[i + kHalf][j]);
        d[i][j] = saccade::gpu::apply(kFunction, gates.x, 0.0f) * up.x;
        d[i][j + 1] = saccade::gpu::apply(kFunction, gates.y, 0.0f) * up.y;
      }
    }
  }

  __device__ __forceinline__ void gate(Sums& d) const {
    using saccade::gpu::Function;
    switch (args.activation) {
      case Function::kSilu:
        return gate_by<Function::kSilu>(d);
      case Function::kGelu:
        return gate_by<Function::kGelu>(d);
      case Function::kGeluTanh:
        return gate_by<Function::kGeluTanh>(d);
      case Function::kQuickGelu:
        return gate_by<Function::kQuickGelu>(d);
      case Function::kRelu:
        return gate_by<Function::kRelu>(d);
      default:
        return gate_by<Function::kSigmoid>(d);
    }
  }

  /// The columns of some parts, through shared memory, so that whole sectors are written.
  __device__ __forceinline__ void store(const float (*d)[4], int row, int column) const {
    const int thread = threadIdx.x % 128;
    const int lane = threadIdx.x % 32;
    if (thread == 0) hopper::store_wait();
    hopper::named_sync(Tile::kGroupBarrier + consumer, 128);
    // Lanes 0 to 7 say where the rows of the first of four matrices of 8 by 8 go, and so on: two
    // above each other, and those of the next 8 columns.
    const int matrix_row = thread / 32 * 16 + lane % 16;
#pragma unroll
    for (int i = 0; i < kPartTiles; i += 2) {
      const std::uint32_t to = tile.output(consumer) + i / 4 * OutputPart::kBytes +
                               OutputPart::offset(matrix_row, i % 4 + lane / 16);
      hopper::store_matrices(to, held(d[i][0], d[i][1]), held(d[i][2], d[i][3]),
                             held(d[i + 1][0], d[i + 1][1]), held(d[i + 1][2], d[i + 1][3]));
    }
    hopper::fence_for_wgmma();
    hopper::named_sync(Tile::kGroupBarrier + consumer, 128);
    if (thread != 0) return;
#pragma unroll
    for (int part = 0; part < Tile::kOutputParts; ++part) {
      hopper::store_box(tile.output(consumer) + part * OutputPart::kBytes, y,
                        column + part * OutputPart::kColumns, row);
    }
    hopper::store_commit();
  }

  static __device__ __forceinline__ std::uint32_t held(float low, float high) {
    return ptx::hold(ptx::pack(low, high));
  }
};

}  // namespace saccade::compute::cuda::gemm
