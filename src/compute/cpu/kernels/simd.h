// One vector type for every instruction set: sixteen float lanes.
//
// Kernels are written once against F32x16 and compiled once per instruction set. The lane count is
// part of the arithmetic (it fixes the order of every reduction), so it is the same everywhere: one
// register with AVX-512, two with AVX2, four with NEON, an array without any. Together with fused
// multiply-adds that are always written out, all instruction sets give the same bits.
#pragma once

#include <cstdint>

#if defined(SACCADE_ISA_AVX512) || defined(SACCADE_ISA_AVX512_VNNI) || \
    defined(SACCADE_ISA_AVX512_BF16)
#include "compute/cpu/kernels/simd_avx512.h"
#elif defined(SACCADE_ISA_AVX2) || defined(SACCADE_ISA_AVX_VNNI)
#include "compute/cpu/kernels/simd_avx2.h"
#elif defined(SACCADE_ISA_NEON) || defined(SACCADE_ISA_NEON_DOTPROD) || \
    defined(SACCADE_ISA_NEON_I8MM)
#include "compute/cpu/kernels/simd_neon.h"
#elif defined(SACCADE_ISA_SCALAR)
#include "compute/cpu/kernels/simd_scalar.h"
#else
#error "define SACCADE_ISA_ and the name of an instruction set that isa.cc knows"
#endif

namespace saccade::compute::cpu::SACCADE_ISA {

inline constexpr int kLanes = 16;

/// The sum of all lanes, as the tree ((i + i+8) + 4) + 2) + 1 on every instruction set.
inline float reduce_add(F32x16 x) {
  return reduce_add_tree(x);
}

#if !defined(__AVX512F__)
/// The sums of sixteen rows [16, 16]; each is what reduce_add gives.
inline F32x16 reduce_add_rows(const float* rows) {
  float sums[kLanes];
  for (int r = 0; r < kLanes; ++r) sums[r] = reduce_add(load(rows + r * kLanes));
  return load(sums);
}
inline F32x16 reduce_max_rows(const float* rows) {
  float largest[kLanes];
  for (int r = 0; r < kLanes; ++r) largest[r] = reduce_max(load(rows + r * kLanes));
  return load(largest);
}
#endif

/// e^x for x <= 88 to within 2 units in the last place; below about -87 the result is 0.
/// Cody-Waite reduction by ln 2 in two parts and a polynomial of degree 6 on [-ln2/2, ln2/2]
/// (Taylor coefficients: the error of 2e-7 relative is that of rounding).
inline F32x16 exp(F32x16 x) {
  // x is the second operand, so a NaN comes through (min and max give the second of an unordered
  // pair).
  const F32x16 clamped = min(broadcast(88.0f), max(broadcast(-87.0f), x));
  // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low mantissa bits.
  const F32x16 magic = broadcast(12582912.0f);
  const F32x16 biased = fma(clamped, broadcast(1.44269504088896341f), magic);
  const F32x16 n = sub(biased, magic);
  F32x16 r = fma(n, broadcast(-0.693359375f), clamped);
  r = fma(n, broadcast(2.12194440054690583e-4f), r);
  F32x16 p = broadcast(1.0f / 720);
  p = fma(p, r, broadcast(1.0f / 120));
  p = fma(p, r, broadcast(1.0f / 24));
  p = fma(p, r, broadcast(1.0f / 6));
  p = fma(p, r, broadcast(0.5f));
  p = fma(p, r, broadcast(1.0f));
  p = fma(p, r, broadcast(1.0f));
  const F32x16 result = mul(p, power_of_two(biased));
  return select_less(x, broadcast(-87.0f), broadcast(0.0f), result);
}

/// What 1 + x p(x) takes to be 2^x on [-1/2, 1/2], the highest power first: p fitted at the
/// Chebyshev points, so that 2^0 is exactly 1.
template <int kTerms>
struct Exp2Terms;
template <>
struct Exp2Terms<5> {  // 3e-7 relative
  static constexpr float kValues[5] = {0.001338130254f, 0.009666368515f, 0.05550381014f,
                                       0.2402234904f, 0.6931471806f};
};
template <>
struct Exp2Terms<3> {  // 2e-4 relative
  static constexpr float kValues[3] = {0.05575464978f, 0.2420353302f, 0.6931471806f};
};

/// 2^x for x <= 126, as near as the terms are, below -126 not less than 2^-126.
template <int kTerms = 5>
F32x16 exp2(F32x16 x) {
  // x is the second operand, so a NaN comes through, as in exp.
  const F32x16 clamped = max(broadcast(-126.0f), x);
  const F32x16 magic = broadcast(12582912.0f);
  const F32x16 biased = add(clamped, magic);
  const F32x16 r = sub(clamped, sub(biased, magic));
  F32x16 p = broadcast(Exp2Terms<kTerms>::kValues[0]);
#pragma GCC unroll 8
  for (int i = 1; i < kTerms; ++i) p = fma(p, r, broadcast(Exp2Terms<kTerms>::kValues[i]));
  p = fma(p, r, broadcast(1.0f));
  return mul(p, power_of_two(biased));
}

/// cap * tanh(x / cap), by tanh(u) = (1 - e^-2u) / (1 + e^-2u) for u >= 0: off by 1e-7 of the cap.
inline F32x16 softcap(F32x16 x, float cap) {
  const F32x16 zero = broadcast(0.0f);
  const F32x16 u = div(x, broadcast(cap));
  const F32x16 minus = sub(zero, u);
  const F32x16 twice = mul(broadcast(-2.0f), max(u, minus));
  const F32x16 e = exp(twice);
  const F32x16 tanh = div(sub(broadcast(1.0f), e), add(broadcast(1.0f), e));
  return mul(broadcast(cap), select_less(u, zero, sub(zero, tanh), tanh));
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
