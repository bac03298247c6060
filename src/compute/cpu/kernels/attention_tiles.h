// The products of attention, in float32 and in 16-bit integers.
#pragma once

#include <cstdint>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

inline constexpr int kBlockVectors = kKeyBlock / kLanes;

/// Products of float32.
struct FloatProducts {
  using Element = float;
  using Sum = F32x16;
  static constexpr bool kRounded = false;
  static constexpr int kStep = 1;  ///< elements of a sum that one instruction takes
  static Sum zero() { return broadcast(0.0f); }
  static F32x16 load_elements(const float* p) { return load(p); }
  static Sum multiply_add(const float* x, F32x16 y, Sum sum) { return fma(broadcast(*x), y, sum); }
  static F32x16 to_floats(Sum sum) { return sum; }
};

/// Products of 16-bit integers, two at a time, whose sums are exact: twice the rate of float32
/// where there are dot products of them, at the same accuracy for all purposes. A query and a key
/// are scaled so that their norms are at most kLargest, so by Cauchy and Schwarz their product is
/// below 2^30; the weights of a block so that their sum is, which bounds the sum of values.
struct RoundedProducts {
  using Element = std::int16_t;
  using Sum = I32x16;
  static constexpr bool kRounded = true;
  static constexpr int kStep = 2;
  static Sum zero() { return broadcast_int(0); }
  static I16x32 load_elements(const std::int16_t* p) { return load_words(p); }
  static Sum multiply_add(const std::int16_t* x, I16x32 y, Sum sum) { return dot(sum, y, x); }
  static F32x16 to_floats(Sum sum) { return to_float(sum); }
};

/// Codes are rounded, which makes a norm a little larger: 2^15 leaves room for 23 (kMaxHeadDim).
inline constexpr float kLargest = 32700.0f;

/// x [n] = scale * codes with the codes' norm at most kLargest; returns the scale.
inline float round_by_norm(std::int16_t* codes, const float* x, int n) {
  F32x16 squares = broadcast(0.0f);
  for (int i = 0; i < n; i += kLanes) {
    const F32x16 value = load_first(x + i, n - i < kLanes ? n - i : kLanes);
    squares = fma(value, value, squares);
  }
  const float norm = __builtin_sqrtf(reduce_add(squares));
  const F32x16 inverse = broadcast(norm > 0.0f ? kLargest / norm : 0.0f);
  for (int i = 0; i < n; i += kLanes) {
    const F32x16 value = load_first(x + i, n - i < kLanes ? n - i : kLanes);
    store_words(codes + i, to_nearest(mul(value, inverse)));
  }
  return norm / kLargest;
}

/// The same with codes of at most kLargest each.
inline float round_by_largest(std::int16_t* codes, const float* x, int n) {
  F32x16 largest = broadcast(0.0f);
  for (int i = 0; i < n; i += kLanes) {
    const F32x16 value = load_first(x + i, n - i < kLanes ? n - i : kLanes);
    largest = max(largest, max(value, sub(broadcast(0.0f), value)));
  }
  const float most = reduce_max(largest);
  const F32x16 inverse = broadcast(most > 0.0f ? kLargest / most : 0.0f);
  for (int i = 0; i < n; i += kLanes) {
    const F32x16 value = load_first(x + i, n - i < kLanes ? n - i : kLanes);
    store_words(codes + i, to_nearest(mul(value, inverse)));
  }
  return most / kLargest;
}

/// scores[r][t] = query[r] . key[t] * key_scales[t] for all kKeyBlock keys of a block; queries
/// [kRows, stride]. A row's largest scores go to largest [kRows, kLanes].
template <typename P, int kRows>
void score_tile(float* scores, float* largest, const typename P::Element* queries,
                std::int64_t stride, const typename P::Element* keys, const float* key_scales,
                int head_dim) {
  typename P::Sum acc[kRows][kBlockVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) acc[r][v] = P::zero();
  }
  for (int d = 0; d < head_dim; d += P::kStep, keys += kKeyBlock * P::kStep) {
    decltype(P::load_elements(keys)) key[kBlockVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) {
      key[v] = P::load_elements(keys + v * kLanes * P::kStep);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kBlockVectors; ++v) {
        acc[r][v] = P::multiply_add(queries + r * stride + d, key[v], acc[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    F32x16 most = broadcast(0.0f);
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) {
      F32x16 score = P::to_floats(acc[r][v]);
      if constexpr (P::kRounded) score = mul(score, load(key_scales + v * kLanes));
      store(scores + r * kKeyBlock + v * kLanes, score);
      most = v == 0 ? score : max(most, score);
    }
    store(largest + r * kLanes, most);
  }
}

/// acc[r] = acc[r] * corrections[r] + scales[r] * sum over t of weights[r][t] * values[t], in
/// kVectors groups of lanes; weights [kRows, kKeyBlock]. `keys` is one past the last key that any
/// row looks at (memory after it may hold anything).
template <typename P, int kRows, int kVectors>
void value_tile(float* acc, const typename P::Element* weights, const float* corrections,
                const float* scales, const typename P::Element* values, int keys, int width) {
  typename P::Sum sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = P::zero();
  }
  for (int t = 0; t < keys; t += P::kStep, values += static_cast<std::int64_t>(width) * P::kStep) {
    decltype(P::load_elements(values)) value[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      value[v] = P::load_elements(values + v * kLanes * P::kStep);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = P::multiply_add(weights + r * kKeyBlock + t, value[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const F32x16 correction = broadcast(corrections[r]);
    const F32x16 scale = broadcast(scales[r]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* to = acc + r * width + v * kLanes;
      store(to, fma(P::to_floats(sum[r][v]), scale, mul(load(to), correction)));
    }
  }
}

/// value_tile over the whole width, in passes of one to four vectors that are as even as can be.
template <typename P, int kRows>
void add_values(float* acc, const typename P::Element* weights, const float* corrections,
                const float* scales, const typename P::Element* values, int keys, int width) {
  const int vectors = width / kLanes;
  const int passes = (vectors + 3) / 4;
  for (int pass = 0; pass < passes; ++pass) {
    const int begin = vectors * pass / passes;
    const int count = vectors * (pass + 1) / passes - begin;
    float* to = acc + begin * kLanes;
    const auto* from = values + begin * kLanes * P::kStep;
    switch (count) {
      case 1:
        value_tile<P, kRows, 1>(to, weights, corrections, scales, from, keys, width);
        break;
      case 2:
        value_tile<P, kRows, 2>(to, weights, corrections, scales, from, keys, width);
        break;
      case 3:
        value_tile<P, kRows, 3>(to, weights, corrections, scales, from, keys, width);
        break;
      default:
        value_tile<P, kRows, 4>(to, weights, corrections, scales, from, keys, width);
    }
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
