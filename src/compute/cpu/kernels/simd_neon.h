// F32x16 as four NEON registers (64-bit Arm). With SACCADE_ISA_NEON_DOTPROD, byte products are dot
// products of signed bytes, with SACCADE_ISA_NEON_I8MM of unsigned by signed ones.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#if defined(SACCADE_ISA_NEON_I8MM)
#define SACCADE_ISA neon_i8mm
#elif defined(SACCADE_ISA_NEON_DOTPROD)
#define SACCADE_ISA neon_dotprod
#else
#define SACCADE_ISA neon
#endif

namespace saccade::compute::cpu::SACCADE_ISA {

/// Rows and 16-column panels of one matrix-multiplication tile: 24 accumulators of 32 registers.
inline constexpr int kTileRows = 6;
inline constexpr int kTilePanels = 1;
/// Query rows by 16-key vectors of one attention-score tile.
inline constexpr int kScoreRows = 1;
/// Rows and panels of one tile of byte products.
inline constexpr int kDotRows = 4;
inline constexpr int kDotPanels = 1;

struct F32x16 {
  float32x4_t v[4];
};

template <typename F>
inline __attribute__((always_inline)) F32x16 quads(F&& f) {
  return {{f(0), f(1), f(2), f(3)}};
}

inline F32x16 broadcast(float x) {
  return quads([&](int) { return vdupq_n_f32(x); });
}
inline F32x16 load(const float* p) {
  return quads([&](int i) { return vld1q_f32(p + 4 * i); });
}
inline void store(float* p, F32x16 x) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, x.v[i]);
}

#include "compute/cpu/kernels/simd_array.h"

inline F32x16 add(F32x16 a, F32x16 b) {
  return quads([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
}
inline F32x16 sub(F32x16 a, F32x16 b) {
  return quads([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
}
inline F32x16 mul(F32x16 a, F32x16 b) {
  return quads([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
}
inline F32x16 div(F32x16 a, F32x16 b) {
  return quads([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
}
/// a < b ? x : y, lane by lane.
inline F32x16 select_less(F32x16 a, F32x16 b, F32x16 x, F32x16 y) {
  return quads([&](int i) { return vbslq_f32(vcltq_f32(a.v[i], b.v[i]), x.v[i], y.v[i]); });
}
// As on x86, a NaN in the first operand gives the second, so that all sets agree on every bit.
inline F32x16 min(F32x16 a, F32x16 b) {
  return select_less(a, b, a, b);
}
inline F32x16 max(F32x16 a, F32x16 b) {
  return select_less(b, a, a, b);
}
/// a * b + c, rounded once.
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return quads([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
}
/// 2^n where `biased` is n + 1.5 * 2^23.
inline F32x16 power_of_two(F32x16 biased) {
  return quads([&](int i) {
    const uint32x4_t n = vshlq_n_u32(vreinterpretq_u32_f32(biased.v[i]), 23);
    return vreinterpretq_f32_u32(vaddq_u32(n, vdupq_n_u32(0x3f800000u)));
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
  return quads([&](int i) {
    const uint16x4_t half = vld1_u16(reinterpret_cast<const std::uint16_t*>(p) + 4 * i);
    return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
  });
}
inline F32x16 load_weights(const F16* p) {
  return quads([&](int i) {
    const uint16x4_t half = vld1_u16(reinterpret_cast<const std::uint16_t*>(p) + 4 * i);
    return vcvt_f32_f16(vreinterpret_f16_u16(half));
  });
}

/// Lane i is lane i ^ kStep of x, for steps of 1, 2, 4 and 8.
template <int kStep>
F32x16 swap_lanes(F32x16 x) {
  if constexpr (kStep >= 4) return quads([&](int i) { return x.v[i ^ (kStep / 4)]; });
  if constexpr (kStep == 2) return quads([&](int i) { return vextq_f32(x.v[i], x.v[i], 2); });
  if constexpr (kStep == 1) return quads([&](int i) { return vrev64q_f32(x.v[i]); });
}

/// Sixteen integers.
struct I32x16 {
  int32x4_t v[4];
};
/// Sixty-four bytes.
struct U8x64 {
  uint8x16_t v[4];
};

template <typename F>
inline __attribute__((always_inline)) I32x16 int_quads(F&& f) {
  return {{f(0), f(1), f(2), f(3)}};
}
template <typename F>
inline __attribute__((always_inline)) U8x64 byte_quads(F&& f) {
  return {{f(0), f(1), f(2), f(3)}};
}

inline I32x16 broadcast_int(std::int32_t x) {
  return int_quads([&](int) { return vdupq_n_s32(x); });
}
inline I32x16 load_ints(const std::int32_t* p) {
  return int_quads([&](int i) { return vld1q_s32(p + std::ptrdiff_t{4} * i); });
}
/// Sixteen bytes as integers.
inline I32x16 load_unsigned(const std::uint8_t* p) {
  const uint8x16_t bytes = vld1q_u8(p);
  const uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
  const uint16x8_t high = vmovl_u8(vget_high_u8(bytes));
  return {{vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))),
           vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(low))),
           vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))),
           vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(high)))}};
}
inline I32x16 load_signed(const std::uint8_t* p) {
  const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(p));
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
  const int16x8_t high = vmovl_s8(vget_high_s8(bytes));
  return {{vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)),
           vmovl_s16(vget_low_s16(high)), vmovl_s16(vget_high_s16(high))}};
}
/// Integers in [-128, 127] as bytes.
inline void store_bytes(std::int8_t* p, I32x16 x) {
  const int16x8_t low = vcombine_s16(vmovn_s32(x.v[0]), vmovn_s32(x.v[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(x.v[2]), vmovn_s32(x.v[3]));
  vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}
/// Integers in [0, 255] as bytes.
inline void store_bytes(std::uint8_t* p, I32x16 x) {
  const int16x8_t low = vcombine_s16(vmovn_s32(x.v[0]), vmovn_s32(x.v[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(x.v[2]), vmovn_s32(x.v[3]));
  vst1q_u8(p, vcombine_u8(vqmovun_s16(low), vqmovun_s16(high)));
}
inline I32x16 add(I32x16 a, I32x16 b) {
  return int_quads([&](int i) { return vaddq_s32(a.v[i], b.v[i]); });
}
inline I32x16 max(I32x16 a, I32x16 b) {
  return int_quads([&](int i) { return vmaxq_s32(a.v[i], b.v[i]); });
}
inline I32x16 bit_and(I32x16 a, std::int32_t mask) {
  return int_quads([&](int i) { return vandq_s32(a.v[i], vdupq_n_s32(mask)); });
}
inline I32x16 bit_or(I32x16 a, I32x16 b) {
  return int_quads([&](int i) { return vorrq_s32(a.v[i], b.v[i]); });
}
template <int kBits>
I32x16 shift_left(I32x16 a) {
  return int_quads([&](int i) { return vshlq_s32(a.v[i], vdupq_n_s32(kBits)); });
}
template <int kBits>
I32x16 shift_right(I32x16 a) {
  return int_quads([&](int i) {
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a.v[i]), vdupq_n_s32(-kBits)));
  });
}
/// The sign fills up.
template <int kBits>
I32x16 shift_right_signed(I32x16 a) {
  return int_quads([&](int i) { return vshlq_s32(a.v[i], vdupq_n_s32(-kBits)); });
}
inline std::int32_t reduce_add(I32x16 x) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(x.v[0], x.v[1]), vaddq_s32(x.v[2], x.v[3])));
}
inline F32x16 to_float(I32x16 x) {
  return quads([&](int i) { return vcvtq_f32_s32(x.v[i]); });
}
/// The nearest integers, ties to even.
inline I32x16 to_nearest(F32x16 x) {
  return int_quads([&](int i) { return vcvtnq_s32_f32(x.v[i]); });
}
inline F32x16 as_float(I32x16 x) {
  return quads([&](int i) { return vreinterpretq_f32_s32(x.v[i]); });
}

/// Halves in the lower 16 bits of each lane, the upper ones clear, to float.
inline F32x16 half_to_float(I32x16 halves) {
  return quads([&](int i) {
    const int16x4_t half = vmovn_s32(halves.v[i]);
    return vcvt_f32_f16(vreinterpret_f16_s16(half));
  });
}

inline U8x64 load_bytes(const std::uint8_t* p) {
  return byte_quads([&](int i) { return vld1q_u8(p + 16 * i); });
}
inline void store_bytes(std::uint8_t* p, U8x64 x) {
  for (int i = 0; i < 4; ++i) vst1q_u8(p + 16 * i, x.v[i]);
}
inline U8x64 bit_or(U8x64 a, U8x64 b) {
  return byte_quads([&](int i) { return vorrq_u8(a.v[i], b.v[i]); });
}
/// Bits [kShift, kShift + kCount) of each byte, moved to kTo.
template <int kShift, int kCount, int kTo = 0>
U8x64 field(U8x64 x) {
  return byte_quads([&](int i) {
    const uint8x16_t moved = vshlq_u8(x.v[i], vdupq_n_s8(kTo - kShift));
    return vandq_u8(moved, vdupq_n_u8(static_cast<std::uint8_t>(((1 << kCount) - 1) << kTo)));
  });
}
/// table[x] for bytes below 16.
inline U8x64 lookup(U8x64 x, const std::uint8_t* table) {
  const uint8x16_t entries = vld1q_u8(table);
  return byte_quads([&](int i) { return vqtbl1q_u8(entries, x.v[i]); });
}
/// Four bytes at a time, the first the lowest.
inline I32x16 as_words(U8x64 x) {
  return int_quads([&](int i) { return vreinterpretq_s32_u8(x.v[i]); });
}
/// Byte kIndex of each group of four.
template <int kIndex>
I32x16 byte_of(U8x64 x) {
  return bit_and(shift_right<8 * kIndex>(as_words(x)), 0xff);
}
/// Four signed bytes for every lane.
struct SignedFour {
  int8x16_t v;
};
inline SignedFour load_four(const std::int8_t* p) {
  std::int32_t word = 0;
  __builtin_memcpy(&word, p, sizeof word);
  return {vreinterpretq_s8_s32(vdupq_n_s32(word))};
}
/// sums[i] + the products of four of sixteen words with the four factors: without byte products.
inline int32x4_t dot_words(int32x4_t sums, int16x8_t low, int16x8_t high, int16x4_t factors) {
  const int32x4_t a = vmull_s16(vget_low_s16(low), factors);
  const int32x4_t b = vmull_s16(vget_high_s16(low), factors);
  const int32x4_t c = vmull_s16(vget_low_s16(high), factors);
  const int32x4_t d = vmull_s16(vget_high_s16(high), factors);
  return vaddq_s32(sums, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)));
}
/// sums[i] + the products of bytes 4i .. 4i + 3 with the four signed bytes. Bytes of x stay below
/// 128 unless kWide.
template <bool kWide>
I32x16 dot(I32x16 sums, U8x64 x, SignedFour four) {
#if defined(SACCADE_ISA_NEON_I8MM)
  return int_quads([&](int i) { return vusdotq_s32(sums.v[i], x.v[i], four.v); });
#elif defined(SACCADE_ISA_NEON_DOTPROD)
  if constexpr (!kWide) {
    return int_quads(
        [&](int i) { return vdotq_s32(sums.v[i], vreinterpretq_s8_u8(x.v[i]), four.v); });
  }
  // As signed bytes these are 128 too small: 64 times the four, twice.
  const int8x16_t half = vdupq_n_s8(64);
  const int32x4_t rest = vdotq_s32(vdotq_s32(vdupq_n_s32(0), half, four.v), half, four.v);
  return int_quads([&](int i) {
    const int8x16_t bytes = vreinterpretq_s8_u8(veorq_u8(x.v[i], vdupq_n_u8(0x80)));
    return vaddq_s32(vdotq_s32(sums.v[i], bytes, four.v), rest);
  });
#else
  const int16x4_t factors = vget_low_s16(vmovl_s8(vget_low_s8(four.v)));
  return int_quads([&](int i) {
    return dot_words(sums.v[i], vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(x.v[i]))),
                     vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(x.v[i]))), factors);
  });
#endif
}

/// Sixty-four signed bytes.
struct S8x64 {
  int8x16_t v[4];
};
inline S8x64 load_bytes(const std::int8_t* p) {
  return {{vld1q_s8(p), vld1q_s8(p + 16), vld1q_s8(p + 32), vld1q_s8(p + 48)}};
}
/// Four bytes of at most 254, for every lane.
struct UnsignedFour {
  uint8x16_t v;
};
inline UnsignedFour load_four(const std::uint8_t* p) {
  std::uint32_t word = 0;
  __builtin_memcpy(&word, p, sizeof word);
  return {vreinterpretq_u8_u32(vdupq_n_u32(word))};
}
/// sums[i] + the products of the signed bytes 4i .. 4i + 3 with the four.
inline I32x16 dot(I32x16 sums, S8x64 x, UnsignedFour four) {
#if defined(SACCADE_ISA_NEON_I8MM)
  return int_quads([&](int i) { return vusdotq_s32(sums.v[i], four.v, x.v[i]); });
#elif defined(SACCADE_ISA_NEON_DOTPROD)
  // As signed bytes in two parts.
  const uint8x16_t most = vminq_u8(four.v, vdupq_n_u8(127));
  const int8x16_t low = vreinterpretq_s8_u8(most);
  const int8x16_t rest = vreinterpretq_s8_u8(vsubq_u8(four.v, most));
  return int_quads(
      [&](int i) { return vdotq_s32(vdotq_s32(sums.v[i], x.v[i], low), x.v[i], rest); });
#else
  const int16x4_t factors = vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(four.v))));
  return int_quads([&](int i) {
    return dot_words(sums.v[i], vmovl_s8(vget_low_s8(x.v[i])), vmovl_s8(vget_high_s8(x.v[i])),
                     factors);
  });
#endif
}

/// Thirty-two 16-bit integers in pairs, the firsts and the seconds apart.
struct I16x32 {
  int16x8x2_t v[2];
};
inline I16x32 load_words(const std::int16_t* p) {
  return {{vld2q_s16(p), vld2q_s16(p + 16)}};
}
/// Bytes 2 i and 2 i + 1 as the lower and the upper half of integer i.
inline I32x16 load_byte_pairs(const std::uint8_t* p) {
  return int_quads(
      [&](int i) { return vreinterpretq_s32_u16(vmovl_u8(vld1_u8(p + std::ptrdiff_t{8} * i))); });
}
/// The halves of the integers.
inline I16x32 as_pairs(I32x16 x) {
  const auto half = [&](int i) {
    const int32x4_t a = x.v[2 * i], b = x.v[2 * i + 1];
    return int16x8x2_t{{vcombine_s16(vmovn_s32(a), vmovn_s32(b)),
                        vcombine_s16(vshrn_n_s32(a, 16), vshrn_n_s32(b, 16))}};
  };
  return {{half(0), half(1)}};
}
/// The lower halves of the integers.
inline void store_words(std::int16_t* p, I32x16 x) {
  vst1q_s16(p, vcombine_s16(vmovn_s32(x.v[0]), vmovn_s32(x.v[1])));
  vst1q_s16(p + 8, vcombine_s16(vmovn_s32(x.v[2]), vmovn_s32(x.v[3])));
}
/// sums[i] + the products of the pair i with the two integers at `two`.
inline I32x16 dot(I32x16 sums, I16x32 x, const std::int16_t* two) {
  std::int32_t word = 0;
  __builtin_memcpy(&word, two, sizeof word);
  const int16x4_t pair = vreinterpret_s16_s32(vdup_n_s32(word));
  return int_quads([&](int i) {
    const int16x8x2_t& half = x.v[i / 2];
    const int16x4_t firsts = i % 2 ? vget_high_s16(half.val[0]) : vget_low_s16(half.val[0]);
    const int16x4_t seconds = i % 2 ? vget_high_s16(half.val[1]) : vget_low_s16(half.val[1]);
    return vmlal_lane_s16(vmlal_lane_s16(sums.v[i], firsts, pair, 0), seconds, pair, 1);
  });
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
