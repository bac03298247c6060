// F32x16 as one AVX-512 register.
#pragma once

#include <immintrin.h>

#include <cstdint>

#define SACCADE_ISA avx512

namespace saccade::compute::cpu::avx512 {

/// Rows and 16-column panels of one matrix-multiplication tile: 24 accumulators of 32 registers.
inline constexpr int kTileRows = 12;
inline constexpr int kTilePanels = 2;
/// Query rows by 16-key vectors of one attention-score tile.
inline constexpr int kScoreRows = 4;

struct F32x16 {
  __m512 v;
};

inline F32x16 broadcast(float x) {
  return {_mm512_set1_ps(x)};
}
inline F32x16 load(const float* p) {
  return {_mm512_loadu_ps(p)};
}
inline void store(float* p, F32x16 x) {
  _mm512_storeu_ps(p, x.v);
}
inline __mmask16 first(int n) {
  return static_cast<__mmask16>((1u << n) - 1u);
}
/// The first n lanes from memory, zero in the others; 0 <= n <= 16.
inline F32x16 load_first(const float* p, int n) {
  return {_mm512_maskz_loadu_ps(first(n), p)};
}
inline void store_first(float* p, F32x16 x, int n) {
  _mm512_mask_storeu_ps(p, first(n), x.v);
}
/// The first n lanes of x, `other` in the rest.
inline F32x16 keep_first(F32x16 x, int n, F32x16 other) {
  return {_mm512_mask_mov_ps(other.v, first(n), x.v)};
}

inline F32x16 add(F32x16 a, F32x16 b) {
  return {_mm512_add_ps(a.v, b.v)};
}
inline F32x16 sub(F32x16 a, F32x16 b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
inline F32x16 mul(F32x16 a, F32x16 b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
inline F32x16 div(F32x16 a, F32x16 b) {
  return {_mm512_div_ps(a.v, b.v)};
}
inline F32x16 min(F32x16 a, F32x16 b) {
  return {_mm512_min_ps(a.v, b.v)};
}
inline F32x16 max(F32x16 a, F32x16 b) {
  return {_mm512_max_ps(a.v, b.v)};
}
/// a * b + c, rounded once.
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
/// a < b ? x : y, lane by lane.
inline F32x16 select_less(F32x16 a, F32x16 b, F32x16 x, F32x16 y) {
  return {_mm512_mask_mov_ps(y.v, _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), x.v)};
}

/// 2^n where `biased` is n + 1.5 * 2^23.
inline F32x16 power_of_two(F32x16 biased) {
  const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(biased.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(n, _mm512_set1_epi32(0x3f800000)))};
}

inline float reduce_add_tree(F32x16 x) {
  const __m256 low = _mm512_castps512_ps256(x.v);
  const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x.v), 1));
  const __m256 by8 = _mm256_add_ps(low, high);
  const __m128 by4 = _mm_add_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
  const __m128 by2 = _mm_add_ps(by4, _mm_movehl_ps(by4, by4));
  return _mm_cvtss_f32(_mm_add_ss(by2, _mm_shuffle_ps(by2, by2, 1)));
}
inline float reduce_max(F32x16 x) {
  return _mm512_reduce_max_ps(x.v);
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
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16))};
}
inline F32x16 load_weights(const F16* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}

}  // namespace saccade::compute::cpu::avx512
