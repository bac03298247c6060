// F32x16 as two AVX2 registers. With SACCADE_ISA_AVX_VNNI, byte products are single instructions.
#pragma once

#include <immintrin.h>

#include <cstdint>

#if defined(SACCADE_ISA_AVX_VNNI)
#define SACCADE_ISA avx_vnni
#else
#define SACCADE_ISA avx2
#endif

namespace saccade::compute::cpu::SACCADE_ISA {

/// Rows and 16-column panels of one matrix-multiplication tile: 12 accumulators of 16 registers.
inline constexpr int kTileRows = 6;
inline constexpr int kTilePanels = 1;
/// Query rows by 16-key vectors of one attention-score tile.
inline constexpr int kScoreRows = 1;
/// Rows and panels of one tile of byte products: 8 of 16 registers are accumulators.
inline constexpr int kDotRows = 2;
inline constexpr int kDotPanels = 1;

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

/// Lane i is lane i ^ kStep of x, for steps of 1, 2, 4 and 8.
template <int kStep>
F32x16 swap_lanes(F32x16 x) {
  if constexpr (kStep == 8) return {x.hi, x.lo};
  const auto half = [](__m256 lanes) {
    if constexpr (kStep == 4) return _mm256_permute2f128_ps(lanes, lanes, 0x01);
    return _mm256_permute_ps(lanes, kStep == 2 ? 0x4e : 0xb1);
  };
  return {half(x.lo), half(x.hi)};
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

/// Sixteen integers.
struct I32x16 {
  __m256i lo;
  __m256i hi;
};
/// Sixty-four bytes.
struct U8x64 {
  __m256i lo;
  __m256i hi;
};

inline I32x16 broadcast_int(std::int32_t x) {
  return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
inline I32x16 load_ints(const std::int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
inline __m128i eight_bytes(const std::uint8_t* p) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
}
/// Sixteen bytes as integers.
inline I32x16 load_unsigned(const std::uint8_t* p) {
  return {_mm256_cvtepu8_epi32(eight_bytes(p)), _mm256_cvtepu8_epi32(eight_bytes(p + 8))};
}
inline I32x16 load_signed(const std::uint8_t* p) {
  return {_mm256_cvtepi8_epi32(eight_bytes(p)), _mm256_cvtepi8_epi32(eight_bytes(p + 8))};
}
/// Integers in [-128, 127] as bytes.
inline void store_bytes(std::int8_t* p, I32x16 x) {
  // Packing works in halves of the registers; the permutation puts the quarters in order.
  const __m256i words = _mm256_packs_epi32(x.lo, x.hi);
  const __m256i bytes = _mm256_packs_epi16(words, words);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order)));
}
/// Integers in [0, 255] as bytes.
inline void store_bytes(std::uint8_t* p, I32x16 x) {
  // As above.
  const __m256i words = _mm256_packs_epi32(x.lo, x.hi);
  const __m256i bytes = _mm256_packus_epi16(words, words);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order)));
}
inline I32x16 add(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
inline I32x16 max(I32x16 a, I32x16 b) {
  return {_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)};
}
inline I32x16 bit_and(I32x16 a, std::int32_t mask) {
  const __m256i bits = _mm256_set1_epi32(mask);
  return {_mm256_and_si256(a.lo, bits), _mm256_and_si256(a.hi, bits)};
}
inline I32x16 bit_or(I32x16 a, I32x16 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
template <int kBits>
I32x16 shift_left(I32x16 a) {
  return {_mm256_slli_epi32(a.lo, kBits), _mm256_slli_epi32(a.hi, kBits)};
}
template <int kBits>
I32x16 shift_right(I32x16 a) {
  return {_mm256_srli_epi32(a.lo, kBits), _mm256_srli_epi32(a.hi, kBits)};
}
/// The sign fills up.
template <int kBits>
I32x16 shift_right_signed(I32x16 a) {
  return {_mm256_srai_epi32(a.lo, kBits), _mm256_srai_epi32(a.hi, kBits)};
}
inline std::int32_t reduce_add(I32x16 x) {
  const __m256i by8 = _mm256_add_epi32(x.lo, x.hi);
  const __m128i by4 = _mm_add_epi32(_mm256_castsi256_si128(by8), _mm256_extracti128_si256(by8, 1));
  const __m128i by2 = _mm_add_epi32(by4, _mm_unpackhi_epi64(by4, by4));
  return _mm_cvtsi128_si32(_mm_add_epi32(by2, _mm_shuffle_epi32(by2, 1)));
}
inline F32x16 to_float(I32x16 x) {
  return {_mm256_cvtepi32_ps(x.lo), _mm256_cvtepi32_ps(x.hi)};
}
/// The nearest integers, ties to even.
inline I32x16 to_nearest(F32x16 x) {
  return {_mm256_cvtps_epi32(x.lo), _mm256_cvtps_epi32(x.hi)};
}
inline F32x16 as_float(I32x16 x) {
  return {_mm256_castsi256_ps(x.lo), _mm256_castsi256_ps(x.hi)};
}

/// Halves in the lower 16 bits of each lane, the upper ones clear, to float.
inline F32x16 half_to_float(I32x16 halves) {
  // Packing works in halves of the registers: words 0-3, 8-11, 4-7, 12-15.
  const __m256i packed = _mm256_packus_epi32(halves.lo, halves.hi);
  const __m256i ordered = _mm256_permute4x64_epi64(packed, 0xd8);
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(ordered)),
          _mm256_cvtph_ps(_mm256_extracti128_si256(ordered, 1))};
}

inline U8x64 load_bytes(const std::uint8_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
}
inline void store_bytes(std::uint8_t* p, U8x64 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.lo);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), x.hi);
}
inline U8x64 bit_or(U8x64 a, U8x64 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
template <int kShift, int kCount, int kTo>
__m256i field(__m256i x) {
  if constexpr (kShift > kTo) x = _mm256_srli_epi16(x, kShift - kTo);
  if constexpr (kShift < kTo) x = _mm256_slli_epi16(x, kTo - kShift);
  return _mm256_and_si256(x, _mm256_set1_epi8(static_cast<char>(((1 << kCount) - 1) << kTo)));
}
/// Bits [kShift, kShift + kCount) of each byte, moved to kTo.
template <int kShift, int kCount, int kTo = 0>
U8x64 field(U8x64 x) {
  return {field<kShift, kCount, kTo>(x.lo), field<kShift, kCount, kTo>(x.hi)};
}
/// table[x] for bytes below 16.
inline U8x64 lookup(U8x64 x, const std::uint8_t* table) {
  const __m256i entries =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  return {_mm256_shuffle_epi8(entries, x.lo), _mm256_shuffle_epi8(entries, x.hi)};
}
/// Four bytes at a time, the first the lowest.
inline I32x16 as_words(U8x64 x) {
  return {x.lo, x.hi};
}
/// Byte kIndex of each group of four.
template <int kIndex>
I32x16 byte_of(U8x64 x) {
  return bit_and(shift_right<8 * kIndex>(I32x16{x.lo, x.hi}), 0xff);
}
template <bool kWide>
__m256i dot(__m256i sums, __m256i x, __m256i signed_bytes) {
#if defined(SACCADE_ISA_AVX_VNNI)
  // As the intrinsic, GCC 12 copies sums from register to register.
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(x), "x"(signed_bytes));
  return sums;
#else
  const __m256i ones = _mm256_set1_epi16(1);
  const auto products = [&](__m256i bytes) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, signed_bytes), ones);
  };
  if constexpr (!kWide) return _mm256_add_epi32(sums, products(x));
  // The pairwise sums of bytes above 127 would not fit 16 bits, so the highest bit goes apart.
  const __m256i low = products(field<0, 7, 0>(x));
  const __m256i high = products(field<7, 1, 0>(x));
  return _mm256_add_epi32(sums, _mm256_add_epi32(low, _mm256_slli_epi32(high, 7)));
#endif
}
/// Four signed bytes for every lane.
struct SignedFour {
  __m256i v;
};
inline SignedFour load_four(const std::int8_t* p) {
  std::int32_t word = 0;
  __builtin_memcpy(&word, p, sizeof word);
  return {_mm256_set1_epi32(word)};
}
/// sums[i] + the products of bytes 4i .. 4i + 3 with the four signed bytes. Bytes of x stay below
/// 128 unless kWide.
template <bool kWide>
I32x16 dot(I32x16 sums, U8x64 x, SignedFour four) {
  return {dot<kWide>(sums.lo, x.lo, four.v), dot<kWide>(sums.hi, x.hi, four.v)};
}

/// Sixty-four signed bytes.
struct S8x64 {
  __m256i lo;
  __m256i hi;
};
inline S8x64 load_bytes(const std::int8_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
}
/// Four bytes of at most 254, for every lane.
struct UnsignedFour {
  __m256i v;
};
inline UnsignedFour load_four(const std::uint8_t* p) {
  std::int32_t word = 0;
  __builtin_memcpy(&word, p, sizeof word);
  return {_mm256_set1_epi32(word)};
}
inline __m256i dot_signed(__m256i sums, __m256i x, UnsignedFour four) {
#if defined(SACCADE_ISA_AVX_VNNI)
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(four.v), "x"(x));  // as above
  return sums;
#else
  // Pairs of products fit 16 bits where a factor is at most 127: twice, then.
  const __m256i low = _mm256_min_epu8(four.v, _mm256_set1_epi8(127));
  const auto products = [&](__m256i factors) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(factors, x), _mm256_set1_epi16(1));
  };
  const __m256i rest = products(_mm256_sub_epi8(four.v, low));
  return _mm256_add_epi32(sums, _mm256_add_epi32(products(low), rest));
#endif
}
/// sums[i] + the products of the signed bytes 4i .. 4i + 3 with the four.
inline I32x16 dot(I32x16 sums, S8x64 x, UnsignedFour four) {
  return {dot_signed(sums.lo, x.lo, four), dot_signed(sums.hi, x.hi, four)};
}

/// Thirty-two 16-bit integers, in pairs.
struct I16x32 {
  __m256i lo;
  __m256i hi;
};
inline I16x32 load_words(const std::int16_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 16))};
}
/// Bytes 2 i and 2 i + 1 as the lower and the upper half of integer i.
inline I32x16 load_byte_pairs(const std::uint8_t* p) {
  const auto half = [](const std::uint8_t* from) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  };
  return {half(p), half(p + 16)};
}
/// The halves of the integers.
inline I16x32 as_pairs(I32x16 x) {
  return {x.lo, x.hi};
}
/// Integers in [-2^15, 2^15) as words.
inline void store_words(std::int16_t* p, I32x16 x) {
  // Packing works in halves of the registers: words 0-3, 8-11, 4-7, 12-15.
  const __m256i words = _mm256_packs_epi32(x.lo, x.hi);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(words, 0xd8));
}
/// sums[i] + the products of the pair i with the two integers at `two`.
inline I32x16 dot(I32x16 sums, I16x32 x, const std::int16_t* two) {
  std::int32_t word = 0;
  __builtin_memcpy(&word, two, sizeof word);
  const __m256i pair = _mm256_set1_epi32(word);
  return {_mm256_add_epi32(sums.lo, _mm256_madd_epi16(x.lo, pair)),
          _mm256_add_epi32(sums.hi, _mm256_madd_epi16(x.hi, pair))};
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
