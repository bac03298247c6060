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

}  // namespace saccade::compute::cpu::scalar
