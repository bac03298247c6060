// F32x16 as four NEON registers (64-bit Arm).
#pragma once

#include <arm_neon.h>

#include <cstdint>

#define SACCADE_ISA neon

namespace saccade::compute::cpu::neon {

/// Rows and 16-column panels of one matrix-multiplication tile: 24 accumulators of 32 registers.
inline constexpr int kTileRows = 6;
inline constexpr int kTilePanels = 1;
/// Query rows by 16-key vectors of one attention-score tile.
inline constexpr int kScoreRows = 1;

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

}  // namespace saccade::compute::cpu::neon
