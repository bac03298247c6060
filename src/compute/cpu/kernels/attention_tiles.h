// The products of attention, in float32 and in integers of 16 and 8 bits.
#pragma once

#include <cstdint>

#include "compute/cpu/kernels/attention_codes.h"
#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

inline constexpr int kBlockVectors = kKeyBlock / kLanes;

/// Products of float32.
struct FloatProducts {
  static constexpr KvCodes kCodes = KvCodes::kFloat;
  static constexpr bool kRounded = false;
  static constexpr int kStep = 1;  ///< elements of a sum that one instruction takes
  using Element = float;           ///< of queries and weights
  using Stored = float;            ///< of keys and values
  using Sum = F32x16;
  static Sum zero() { return broadcast(0.0f); }
  static F32x16 load_stored(const float* p) { return load(p); }
  static Sum multiply_add(const float* x, F32x16 y, Sum sum) { return fma(broadcast(*x), y, sum); }
  static F32x16 to_floats(Sum sum) { return sum; }
};

/// Products of 16-bit integers, two at a time, whose sums are exact: twice the rate of float32
/// where there are dot products of them, at the same accuracy for all purposes. A query and a key
/// are scaled so that their norms are at most kLargestWord, so by Cauchy and Schwarz their product
/// is below 2^30; the weights of a block so that their sum is, which bounds the sum of values.
struct WordProducts {
  static constexpr KvCodes kCodes = KvCodes::kInt16;
  static constexpr bool kRounded = true;
  static constexpr int kStep = 2;
  using Element = std::int16_t;
  using Stored = std::int16_t;
  using Sum = I32x16;
  static Sum zero() { return broadcast_int(0); }
  static I16x32 load_stored(const std::int16_t* p) { return load_words(p); }
  static Sum multiply_add(const std::int16_t* x, I16x32 y, Sum sum) { return dot(sum, y, x); }
  static F32x16 to_floats(Sum sum) { return to_float(sum); }
};

/// Products of bytes, four at a time: twice the rate again.
struct ByteProducts {
  static constexpr KvCodes kCodes = KvCodes::kInt8;
  static constexpr bool kRounded = true;
  static constexpr int kStep = 4;
  using Element = std::uint8_t;
  using Stored = std::int8_t;
  using Sum = I32x16;
  static Sum zero() { return broadcast_int(0); }
  static S8x64 load_stored(const std::int8_t* p) { return load_bytes(p); }
  static Sum multiply_add(const std::uint8_t* x, S8x64 y, Sum sum) {
    return dot(sum, y, load_four(x));
  }
  static F32x16 to_floats(Sum sum) { return to_float(sum); }
};

/// The keys of a block.
template <typename P>
struct BlockKeys {
  BlockKeys(const KvBlockLayout& layout, const std::byte* block)
      : codes(reinterpret_cast<const typename P::Stored*>(block)),
        scales(reinterpret_cast<const float*>(block + layout.scales_offset())),
        starts(reinterpret_cast<const std::int32_t*>(block + layout.starts_offset())) {}

  const typename P::Stored* codes;
  const float* scales;         // of integers
  const std::int32_t* starts;  // of bytes
};

/// scores[r][t] = query[r] . key[t] for all kKeyBlock keys of a block; queries [kRows, stride]. Of
/// integers with the key's scale; of bytes bases[r] besides. A row's largest scores go to largest
/// [kRows, kLanes].
template <typename P, int kRows>
void score_tile(float* scores, float* largest, const typename P::Element* queries,
                std::int64_t stride, const BlockKeys<P>& keys, const float* bases, int head_dim) {
  constexpr bool kBytes = P::kCodes == KvCodes::kInt8;
  typename P::Sum acc[kRows][kBlockVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) {
      if constexpr (kBytes) {
        acc[r][v] = load_ints(keys.starts + v * kLanes);
      } else {
        acc[r][v] = P::zero();
      }
    }
  }
  const auto* codes = keys.codes;
  for (int d = 0; d < head_dim; d += P::kStep, codes += kKeyBlock * P::kStep) {
    decltype(P::load_stored(codes)) key[kBlockVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kBlockVectors; ++v) key[v] = P::load_stored(codes + v * kLanes * P::kStep);
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
      if constexpr (kBytes) {
        score = fma(score, load(keys.scales + v * kLanes), broadcast(bases[r]));
      } else if constexpr (P::kRounded) {
        score = mul(score, load(keys.scales + v * kLanes));
      }
      store(scores + r * kKeyBlock + v * kLanes, score);
      most = v == 0 ? score : max(most, score);
    }
    store(largest + r * kLanes, most);
  }
}

/// acc[r] = acc[r] * corrections[r] + scales[r] * sum over t of weights[r][t] * values[t], in
/// kVectors groups of lanes; null corrections are ones, weights [kRows, kKeyBlock]. `keys` is one
/// past the last key that any row looks at (memory after it may hold anything).
template <typename P, int kRows, int kVectors>
void value_tile(float* acc, const typename P::Element* weights, const float* corrections,
                const float* scales, const typename P::Stored* values, int keys, int width) {
  typename P::Sum sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = P::zero();
  }
  for (int t = 0; t < keys; t += P::kStep, values += static_cast<std::int64_t>(width) * P::kStep) {
    decltype(P::load_stored(values)) value[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      value[v] = P::load_stored(values + v * kLanes * P::kStep);
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
    const F32x16 scale = broadcast(scales[r]);
    if (corrections == nullptr) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        float* to = acc + r * width + v * kLanes;
        store(to, fma(P::to_floats(sum[r][v]), scale, load(to)));
      }
      continue;
    }
    const F32x16 correction = broadcast(corrections[r]);
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
                const float* scales, const typename P::Stored* values, int keys, int width) {
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
