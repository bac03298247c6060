// The running softmax over blocks of keys (Milakov and Gimelshein, 2018; Dao, 2023), on accumulator
// fragments. mma.sync's m16n8 and wgmma's m64nN give a thread the same share of 16 rows: of each 8
// columns two neighbours in row lane / 4 (elements 0, 1) and two in row lane / 4 + 8 (elements 2,
// 3).
#pragma once

#include <cstdint>

#include "compute/cuda/attention/ptx.cuh"

namespace saccade::compute::cuda {

/// How raw products become exponents of two.
struct ScoreMap {
  float to_log2;        ///< scale * log2(e), or softcap * log2(e) with a softcap
  float to_cap = 0.0f;  ///< 2 * log2(e) * scale / softcap with a softcap, else 0
};

/// Keys that a row sees: [begin, end).
struct KeyRange {
  int begin;
  int end;
};

/// tanh(x) by way of exp(2x), to about 1e-7: the hardware's tanh is off by 5e-4, which a softcap of
/// 50 would turn into 0.02 of a score.
__device__ __forceinline__ float tanh_of_exponent(float two_x_log2) {
  return 1.0f - __fdividef(2.0f, ptx::exp2(fminf(two_x_log2, 80.0f)) + 1.0f);
}

template <int kTiles>
__device__ __forceinline__ void cap_scores(float (&scores)[kTiles][4], float to_cap) {
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[tile][i] = tanh_of_exponent(scores[tile][i] * to_cap);
  }
}

/// Sets scores of keys that their row does not see to -infinity, whatever they were.
/// `key`: of the fragment's first column for this thread.
template <int kTiles>
__device__ __forceinline__ void mask_scores(float (&scores)[kTiles][4], int key,
                                            const KeyRange& upper, const KeyRange& lower) {
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const KeyRange& range = i < 2 ? upper : lower;
      const int column = key + tile * 8 + (i & 1);
      if (column < range.begin || column >= range.end) scores[tile][i] = -INFINITY;
    }
  }
}

/// State of the two rows that a thread shares with the other three of its quad. The maximum is kept
/// as an exponent of two; each thread sums only its own columns, until finish().
struct RunningSoftmax {
  float maximum[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0.0f, 0.0f};

  /// Turns scores into weights, and gives the factors that what was added up so far is to be scaled
  /// by. All roundings are spelled out: kernels that differ in shape must agree in bits, and a
  /// block without a key for a row must leave it as it is (its factor is exactly one).
  template <int kTiles>
  __device__ __forceinline__ void update(float (&scores)[kTiles][4], float to_log2,
                                         float (&factor)[2]) {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      float highest = scores[0][2 * row];
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        highest = fmaxf(highest, fmaxf(scores[tile][2 * row], scores[tile][2 * row + 1]));
      }
      highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, 1));
      highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, 2));
      const float next = fmaxf(maximum[row], __fmul_rn(highest, to_log2));
      const float base = next == -INFINITY ? 0.0f : next;
      factor[row] = ptx::exp2(__fsub_rn(maximum[row], base));
      maximum[row] = next;
      float part = 0.0f;
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
        for (int i = 2 * row; i < 2 * row + 2; ++i) {
          scores[tile][i] = ptx::exp2(__fmaf_rn(scores[tile][i], to_log2, -base));
          part = __fadd_rn(part, scores[tile][i]);
        }
      }
      sum[row] = __fmaf_rn(sum[row], factor[row], part);
    }
  }

  /// The whole sums of both rows.
  __device__ __forceinline__ void finish() {
#pragma unroll
    for (int row = 0; row < 2; ++row) {
      sum[row] += __shfl_xor_sync(0xffffffffu, sum[row], 1);
      sum[row] += __shfl_xor_sync(0xffffffffu, sum[row], 2);
    }
  }

  __device__ __forceinline__ float inverse(int row) const {
    return sum[row] > 0.0f ? __fdividef(1.0f, sum[row]) : 0.0f;
  }
};

}  // namespace saccade::compute::cuda
