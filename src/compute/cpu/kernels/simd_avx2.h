// F32x16 as two AVX2 registers.
#pragma once

#include <immintrin.h>

#include <cstdint>

#define SACCADE_ISA avx2

namespace saccade::compute::cpu::avx2 {

/// Rows and 16-column panels of one matrix-multiplication tile: 12 accumulators of 16 registers.
inline constexpr int kTileRows = 6;
inline constexpr int kTilePanels = 1;
/// Query rows by 16-key vectors of one attention-score tile.
inline constexpr int kScoreRows = 1;

struct F32x16 {
  __m256 lo;
  __m256 hi;
};

inline F32x16 broadcast(float x) {
  return {_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
inline F32x16 load(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
inline void store(float* p, F32x16 x) {
  _mm256_storeu_ps(p, x.lo);
  _mm256_storeu_ps(p + 8, x.hi);
}
/// All ones in the lanes below n.
inline __m256i first(int n) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lanes);
}
/// The first n lanes from memory, zero in the others; 0 <= n <= 16.
inline F32x16 load_first(const float* p, int n) {
  return {_mm256_maskload_ps(p, first(n)), _mm256_maskload_ps(p + 8, first(n - 8))};
}
inline void store_first(float* p, F32x16 x, int n) {
  _mm256_maskstore_ps(p, first(n), x.lo);
  _mm256_maskstore_ps(p + 8, first(n - 8), x.hi);
}
/// The first n lanes of x, `other` in the rest.
inline F32x16 keep_first(F32x16 x, int n, F32x16 other) {
  return {_mm256_blendv_ps(other.lo, x.lo, _mm256_castsi256_ps(first(n))),
          _mm256_blendv_ps(other.hi, x.hi, _mm256_castsi256_ps(first(n - 8)))};
}

inline F32x16 add(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline F32x16 sub(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline F32x16 mul(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline F32x16 div(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline F32x16 min(F32x16 a, F32x16 b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
inline F32x16 max(F32x16 a, F32x16 b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
/// a * b + c, rounded once.
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
/// a < b ? x : y, lane by lane.
inline F32x16 select_less(F32x16 a, F32x16 b, F32x16 x, F32x16 y) {
  return {_mm256_blendv_ps(y.lo, x.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
          _mm256_blendv_ps(y.hi, x.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
}

inline __m256 power_of_two(__m256 biased) {
  const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(biased), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_set1_epi32(0x3f800000)));
}
/// 2^n where `biased` is n + 1.5 * 2^23.
inline F32x16 power_of_two(F32x16 biased) {
  return {power_of_two(biased.lo), power_of_two(biased.hi)};
}

inline float reduce_add_tree(F32x16 x) {
  const __m256 by8 = _mm256_add_ps(x.lo, x.hi);
  const __m128 by4 = _mm_add_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
  const __m128 by2 = _mm_add_ps(by4, _mm_movehl_ps(by4, by4));
  return _mm_cvtss_f32(_mm_add_ss(by2, _mm_shuffle_ps(by2, by2, 1)));
}
inline float reduce_max(F32x16 x) {
  const __m256 by8 = _mm256_max_ps(x.lo, x.hi);
  const __m128 by4 = _mm_max_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
  const __m128 by2 = _mm_max_ps(by4, _mm_movehl_ps(by4, by4));
  return _mm_cvtss_f32(_mm_max_ss(by2, _mm_shuffle_ps(by2, by2, 1)));
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
inline __m256 widen_bf16(const void* p) {
  const __m128i half = _mm_loadu_si128(static_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}
inline F32x16 load_weights(const Bf16* p) {
  return {widen_bf16(p), widen_bf16(p + 8)};
}
inline F32x16 load_weights(const F16* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
          _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
}

}  // namespace saccade::compute::cpu::avx2
