// F32x16 as an array: what the vector instruction sets are held against in tests.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "tensor/dtype.h"

#define SACCADE_ISA scalar

namespace saccade::compute::cpu::scalar {

inline constexpr int kTileRows = 4;
inline constexpr int kTilePanels = 1;
inline constexpr int kScoreRows = 1;
inline constexpr int kDotRows = 1;
inline constexpr int kDotPanels = 1;

struct F32x16 {
  float v[16];
};

template <typename F>
F32x16 lanes(F&& f) {
  F32x16 r;
  for (int i = 0; i < 16; ++i) r.v[i] = f(i);
  return r;
}

inline F32x16 broadcast(float x) {
  return lanes([&](int) { return x; });
}
inline F32x16 load(const float* p) {
  return lanes([&](int i) { return p[i]; });
}
inline void store(float* p, F32x16 x) {
  for (int i = 0; i < 16; ++i) p[i] = x.v[i];
}

#include "compute/cpu/kernels/simd_array.h"

inline F32x16 add(F32x16 a, F32x16 b) {
  return lanes([&](int i) { return a.v[i] + b.v[i]; });
}
inline F32x16 sub(F32x16 a, F32x16 b) {
  return lanes([&](int i) { return a.v[i] - b.v[i]; });
}
inline F32x16 mul(F32x16 a, F32x16 b) {
  return lanes([&](int i) { return a.v[i] * b.v[i]; });
}
inline F32x16 div(F32x16 a, F32x16 b) {
  return lanes([&](int i) { return a.v[i] / b.v[i]; });
}
inline F32x16 min(F32x16 a, F32x16 b) {
  return lanes([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
inline F32x16 max(F32x16 a, F32x16 b) {
  return lanes([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
/// a * b + c, rounded once.
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return lanes([&](int i) { return std::fmaf(a.v[i], b.v[i], c.v[i]); });
}
/// a < b ? x : y, lane by lane.
inline F32x16 select_less(F32x16 a, F32x16 b, F32x16 x, F32x16 y) {
  return lanes([&](int i) { return a.v[i] < b.v[i] ? x.v[i] : y.v[i]; });
}
/// 2^n where `biased` is n + 1.5 * 2^23.
inline F32x16 power_of_two(F32x16 biased) {
  return lanes([&](int i) {
    return std::bit_cast<float>((std::bit_cast<std::uint32_t>(biased.v[i]) << 23) + 0x3f800000u);
  });
}

inline F32x16 load_weights(const float* p) {
  return load(p);
}
struct Bf16 {
  std::uint16_t bits;
};
struct F16 {
  std::uint16_t bits;
};
inline F32x16 load_weights(const Bf16* p) {
  return lanes([&](int i) { return bf16_to_f32(p[i].bits); });
}
inline F32x16 load_weights(const F16* p) {
  return lanes([&](int i) { return f16_to_f32(p[i].bits); });
}

/// Lane i is lane i ^ kStep of x, for steps of 1, 2, 4 and 8.
template <int kStep>
F32x16 swap_lanes(F32x16 x) {
  return lanes([&](int i) { return x.v[i ^ kStep]; });
}

/// Sixteen integers.
struct I32x16 {
  std::int32_t v[16];
};
/// Sixty-four bytes.
struct U8x64 {
  std::uint8_t v[64];
};

template <typename F>
I32x16 int_lanes(F&& f) {
  I32x16 r;
  for (int i = 0; i < 16; ++i) r.v[i] = static_cast<std::int32_t>(f(i));
  return r;
}
template <typename F>
U8x64 byte_lanes(F&& f) {
  U8x64 r;
  for (int i = 0; i < 64; ++i) r.v[i] = static_cast<std::uint8_t>(f(i));
  return r;
}

inline I32x16 broadcast_int(std::int32_t x) {
  return int_lanes([&](int) { return x; });
}
inline I32x16 load_ints(const std::int32_t* p) {
  return int_lanes([&](int i) { return p[i]; });
}
/// Sixteen bytes as integers.
inline I32x16 load_unsigned(const std::uint8_t* p) {
  return int_lanes([&](int i) { return p[i]; });
}
inline I32x16 load_signed(const std::uint8_t* p) {
  return int_lanes([&](int i) { return static_cast<std::int8_t>(p[i]); });
}
/// Integers in [-128, 127] as bytes.
inline void store_bytes(std::int8_t* p, I32x16 x) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int8_t>(x.v[i]);
}
/// Integers in [0, 255] as bytes.
inline void store_bytes(std::uint8_t* p, I32x16 x) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::uint8_t>(x.v[i]);
}
inline I32x16 add(I32x16 a, I32x16 b) {
  return int_lanes([&](int i) { return a.v[i] + b.v[i]; });
}
inline I32x16 max(I32x16 a, I32x16 b) {
  return int_lanes([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}
inline I32x16 bit_and(I32x16 a, std::int32_t mask) {
  return int_lanes([&](int i) { return a.v[i] & mask; });
}
inline I32x16 bit_or(I32x16 a, I32x16 b) {
  return int_lanes([&](int i) { return a.v[i] | b.v[i]; });
}
template <int kBits>
I32x16 shift_left(I32x16 a) {
  return int_lanes([&](int i) { return static_cast<std::uint32_t>(a.v[i]) << kBits; });
}
template <int kBits>
I32x16 shift_right(I32x16 a) {
  return int_lanes([&](int i) { return static_cast<std::uint32_t>(a.v[i]) >> kBits; });
}
/// The sign fills up.
template <int kBits>
I32x16 shift_right_signed(I32x16 a) {
  return int_lanes([&](int i) { return a.v[i] >> kBits; });
}
inline std::int32_t reduce_add(I32x16 x) {
  std::int32_t sum = 0;
  for (const std::int32_t lane : x.v) sum += lane;
  return sum;
}
inline F32x16 to_float(I32x16 x) {
  return lanes([&](int i) { return static_cast<float>(x.v[i]); });
}
/// The nearest integers, ties to even.
inline I32x16 to_nearest(F32x16 x) {
  return int_lanes([&](int i) { return std::lrintf(x.v[i]); });
}
inline F32x16 as_float(I32x16 x) {
  return lanes([&](int i) { return std::bit_cast<float>(x.v[i]); });
}

/// Halves in the lower 16 bits of each lane, the upper ones clear, to float.
inline F32x16 half_to_float(I32x16 halves) {
  return lanes([&](int i) { return f16_to_f32(static_cast<std::uint16_t>(halves.v[i])); });
}

inline U8x64 load_bytes(const std::uint8_t* p) {
  return byte_lanes([&](int i) { return p[i]; });
}
inline void store_bytes(std::uint8_t* p, U8x64 x) {
  for (int i = 0; i < 64; ++i) p[i] = x.v[i];
}
inline U8x64 bit_or(U8x64 a, U8x64 b) {
  return byte_lanes([&](int i) { return a.v[i] | b.v[i]; });
}
/// Bits [kShift, kShift + kCount) of each byte, moved to kTo.
template <int kShift, int kCount, int kTo = 0>
U8x64 field(U8x64 x) {
  return byte_lanes([&](int i) { return ((x.v[i] >> kShift) & ((1 << kCount) - 1)) << kTo; });
}
/// table[x] for bytes below 16.
inline U8x64 lookup(U8x64 x, const std::uint8_t* table) {
  return byte_lanes([&](int i) { return table[x.v[i]]; });
}
/// Four bytes at a time, the first the lowest.
inline I32x16 as_words(U8x64 x) {
  return int_lanes([&](int i) {
    return x.v[4 * i] | x.v[4 * i + 1] << 8 | x.v[4 * i + 2] << 16 |
           static_cast<std::uint32_t>(x.v[4 * i + 3]) << 24;
  });
}
/// Byte kIndex of each group of four.
template <int kIndex>
I32x16 byte_of(U8x64 x) {
  return int_lanes([&](int i) { return x.v[4 * i + kIndex]; });
}
/// Four signed bytes for every lane.
struct SignedFour {
  std::int8_t v[4];
};
inline SignedFour load_four(const std::int8_t* p) {
  return {{p[0], p[1], p[2], p[3]}};
}
/// sums[i] + the products of bytes 4i .. 4i + 3 with the four signed bytes.
template <bool kWide>
I32x16 dot(I32x16 sums, U8x64 x, SignedFour four) {
  return int_lanes([&](int i) {
    std::int32_t sum = sums.v[i];
    for (int j = 0; j < 4; ++j) sum += x.v[4 * i + j] * four.v[j];
    return sum;
  });
}

/// Sixty-four signed bytes.
struct S8x64 {
  std::int8_t v[64];
};
inline S8x64 load_bytes(const std::int8_t* p) {
  S8x64 r;
  for (int i = 0; i < 64; ++i) r.v[i] = p[i];
  return r;
}
/// Four bytes of at most 254, for every lane.
struct UnsignedFour {
  std::uint8_t v[4];
};
inline UnsignedFour load_four(const std::uint8_t* p) {
  return {{p[0], p[1], p[2], p[3]}};
}
/// sums[i] + the products of the signed bytes 4i .. 4i + 3 with the four.
inline I32x16 dot(I32x16 sums, S8x64 x, UnsignedFour four) {
  return int_lanes([&](int i) {
    std::int32_t sum = sums.v[i];
    for (int j = 0; j < 4; ++j) sum += x.v[4 * i + j] * four.v[j];
    return sum;
  });
}

/// Thirty-two 16-bit integers, in pairs.
struct I16x32 {
  std::int16_t v[32];
};
inline I16x32 load_words(const std::int16_t* p) {
  I16x32 r;
  for (int i = 0; i < 32; ++i) r.v[i] = p[i];
  return r;
}
/// Bytes 2 i and 2 i + 1 as the lower and the upper half of integer i.
inline I32x16 load_byte_pairs(const std::uint8_t* p) {
  return int_lanes([&](int i) { return p[2 * i] | p[2 * i + 1] << 16; });
}
/// The halves of the integers.
inline I16x32 as_pairs(I32x16 x) {
  I16x32 r;
  for (int i = 0; i < 16; ++i) {
    r.v[2 * i] = static_cast<std::int16_t>(x.v[i]);
    r.v[2 * i + 1] = static_cast<std::int16_t>(x.v[i] >> 16);
  }
  return r;
}
/// The lower halves of the integers.
inline void store_words(std::int16_t* p, I32x16 x) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int16_t>(x.v[i]);
}
/// sums[i] + the products of the pair i with the two integers at `two`.
inline I32x16 dot(I32x16 sums, I16x32 x, const std::int16_t* two) {
  for (int i = 0; i < 16; ++i) sums.v[i] += x.v[2 * i] * two[0] + x.v[2 * i + 1] * two[1];
  return sums;
}

}  // namespace saccade::compute::cpu::scalar
