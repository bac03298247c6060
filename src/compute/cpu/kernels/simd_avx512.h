// F32x16 as one AVX-512 register. With SACCADE_ISA_AVX512_VNNI, products of bytes and of 16-bit
// integers are single instructions; SACCADE_ISA_AVX512_BF16 adds those of bf16.
#pragma once

#include <immintrin.h>

#include <cstdint>

#if defined(SACCADE_ISA_AVX512_BF16)
#define SACCADE_ISA avx512_bf16
#elif defined(SACCADE_ISA_AVX512_VNNI)
#define SACCADE_ISA avx512_vnni
#else
#define SACCADE_ISA avx512
#endif

namespace saccade::compute::cpu::SACCADE_ISA {

/// Rows and 16-column panels of one matrix-multiplication tile: 24 accumulators of 32 registers.
inline constexpr int kTileRows = 12;
inline constexpr int kTilePanels = 2;
/// Query rows by 16-key vectors of one attention-score tile.
inline constexpr int kScoreRows = 6;
/// Rows and panels of one tile of byte products: 16 accumulators of integers in registers. The 16
/// of floats, needed once for eight products, are partly in the L1 cache. (With 16 rows to multiply
/// 6 in a tile took 6 % longer, 10 and 12 longer still.)
inline constexpr int kDotRows = 8;
inline constexpr int kDotPanels = 2;

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
/// Lane i is lane i ^ kStep of x, for steps of 1, 2, 4 and 8.
template <int kStep>
F32x16 swap_lanes(F32x16 x) {
  if constexpr (kStep == 8) return {_mm512_shuffle_f32x4(x.v, x.v, 0x4e)};
  if constexpr (kStep == 4) return {_mm512_shuffle_f32x4(x.v, x.v, 0xb1)};
  if constexpr (kStep == 2) return {_mm512_permute_ps(x.v, 0x4e)};
  if constexpr (kStep == 1) return {_mm512_permute_ps(x.v, 0xb1)};
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

/// Reduces each of sixteen vectors to a lane of the result, in the order of reduce_add_tree.
template <typename Combine>
F32x16 reduce_rows(const float* rows, const Combine& combine) {
  const auto eighths = [&](int a, int b) {  // of two rows
    const __m512 x = load(rows + a * 16).v;
    const __m512 y = load(rows + b * 16).v;
    return combine({_mm512_shuffle_f32x4(x, y, 0x44)}, {_mm512_shuffle_f32x4(x, y, 0xee)}).v;
  };
  const auto quarters = [&](int r) {  // of four rows, four apart
    const __m512 x = eighths(r, r + 4);
    const __m512 y = eighths(r + 8, r + 12);
    return combine({_mm512_shuffle_f32x4(x, y, 0x88)}, {_mm512_shuffle_f32x4(x, y, 0xdd)}).v;
  };
  const auto halves = [&](int r) {  // of eight
    const __m512d x = _mm512_castps_pd(quarters(r));
    const __m512d y = _mm512_castps_pd(quarters(r + 1));
    return combine({_mm512_castpd_ps(_mm512_unpacklo_pd(x, y))},
                   {_mm512_castpd_ps(_mm512_unpackhi_pd(x, y))})
        .v;
  };
  const __m512 x = halves(0);
  const __m512 y = halves(2);
  return combine({_mm512_shuffle_ps(x, y, 0x88)}, {_mm512_shuffle_ps(x, y, 0xdd)});
}
/// The sums of sixteen rows [16, 16]; each is what reduce_add gives.
inline F32x16 reduce_add_rows(const float* rows) {
  return reduce_rows(rows, [](F32x16 a, F32x16 b) { return add(a, b); });
}
inline F32x16 reduce_max_rows(const float* rows) {
  return reduce_rows(rows, [](F32x16 a, F32x16 b) { return max(a, b); });
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

#if defined(SACCADE_ISA_AVX512_BF16)
/// Two bf16, the first in the lower half.
struct Bf16Pair {
  std::uint32_t bits;
};
struct Bf16x32 {
  __m512bh v;
};
inline Bf16x32 load_weights(const Bf16Pair* p) {
  return {(__m512bh)_mm512_loadu_si512(p)};
}
inline Bf16x32 broadcast(Bf16Pair x) {
  return {(__m512bh)_mm512_set1_epi32(static_cast<int>(x.bits))};
}
/// c[i] plus the products of both elements of the pairs i.
inline F32x16 fma(Bf16x32 a, Bf16x32 b, F32x16 c) {
  return {_mm512_dpbf16_ps(c.v, a.v, b.v)};
}
/// Rounds to the nearest, ties to even: low first.
inline void store_bf16(std::uint32_t* p, F32x16 low, F32x16 high) {
  _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(high.v, low.v));
}
#endif

/// Sixteen integers.
struct I32x16 {
  __m512i v;
};
/// Sixty-four bytes.
struct U8x64 {
  __m512i v;
};

inline I32x16 broadcast_int(std::int32_t x) {
  return {_mm512_set1_epi32(x)};
}
inline I32x16 load_ints(const std::int32_t* p) {
  return {_mm512_loadu_si512(p)};
}
/// Sixteen bytes as integers.
inline I32x16 load_unsigned(const std::uint8_t* p) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline I32x16 load_signed(const std::uint8_t* p) {
  return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
/// Integers in [-128, 127] as bytes.
inline void store_bytes(std::int8_t* p, I32x16 x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x.v));
}
/// Integers in [0, 255] as bytes.
inline void store_bytes(std::uint8_t* p, I32x16 x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x.v));
}
inline I32x16 add(I32x16 a, I32x16 b) {
  return {_mm512_add_epi32(a.v, b.v)};
}
inline I32x16 max(I32x16 a, I32x16 b) {
  return {_mm512_max_epi32(a.v, b.v)};
}
inline I32x16 bit_and(I32x16 a, std::int32_t mask) {
  return {_mm512_and_si512(a.v, _mm512_set1_epi32(mask))};
}
inline I32x16 bit_or(I32x16 a, I32x16 b) {
  return {_mm512_or_si512(a.v, b.v)};
}
template <int kBits>
I32x16 shift_left(I32x16 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
template <int kBits>
I32x16 shift_right(I32x16 a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
/// The sign fills up.
template <int kBits>
I32x16 shift_right_signed(I32x16 a) {
  return {_mm512_srai_epi32(a.v, kBits)};
}
inline std::int32_t reduce_add(I32x16 x) {
  return _mm512_reduce_add_epi32(x.v);
}
inline F32x16 to_float(I32x16 x) {
  return {_mm512_cvtepi32_ps(x.v)};
}
/// The nearest integers, ties to even.
inline I32x16 to_nearest(F32x16 x) {
  return {_mm512_cvtps_epi32(x.v)};
}
inline F32x16 as_float(I32x16 x) {
  return {_mm512_castsi512_ps(x.v)};
}

/// Halves in the lower 16 bits of each lane, the upper ones clear, to float.
inline F32x16 half_to_float(I32x16 halves) {
  return {_mm512_cvtph_ps(_mm512_cvtepi32_epi16(halves.v))};
}

inline U8x64 load_bytes(const std::uint8_t* p) {
  return {_mm512_loadu_si512(p)};
}
inline void store_bytes(std::uint8_t* p, U8x64 x) {
  _mm512_storeu_si512(p, x.v);
}
inline U8x64 bit_or(U8x64 a, U8x64 b) {
  return {_mm512_or_si512(a.v, b.v)};
}
/// Bits [kShift, kShift + kCount) of each byte, moved to kTo.
template <int kShift, int kCount, int kTo = 0>
U8x64 field(U8x64 x) {
  __m512i shifted = x.v;
  if constexpr (kShift > kTo) shifted = _mm512_srli_epi16(x.v, kShift - kTo);
  if constexpr (kShift < kTo) shifted = _mm512_slli_epi16(x.v, kTo - kShift);
  return {
      _mm512_and_si512(shifted, _mm512_set1_epi8(static_cast<char>(((1 << kCount) - 1) << kTo)))};
}
/// table[x] for bytes below 16.
inline U8x64 lookup(U8x64 x, const std::uint8_t* table) {
  const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(entries), x.v)};
}
/// Four bytes at a time, the first the lowest.
inline I32x16 as_words(U8x64 x) {
  return {x.v};
}
/// Byte kIndex of each group of four.
template <int kIndex>
I32x16 byte_of(U8x64 x) {
  return {_mm512_and_si512(_mm512_srli_epi32(x.v, 8 * kIndex), _mm512_set1_epi32(0xff))};
}
/// Four signed bytes for every lane.
struct SignedFour {
  __m512i v;
};
inline SignedFour load_four(const std::int8_t* p) {
  std::int32_t word = 0;
  __builtin_memcpy(&word, p, sizeof word);
  return {_mm512_set1_epi32(word)};
}
/// sums[i] + the products of bytes 4i .. 4i + 3 with the four signed bytes. Bytes of x stay below
/// 128 unless kWide.
template <bool kWide>
I32x16 dot(I32x16 sums, U8x64 x, SignedFour four) {
#if defined(SACCADE_ISA_AVX512_VNNI) || defined(SACCADE_ISA_AVX512_BF16)
  // As the intrinsic, GCC 12 copies all sums of a tile from register to register in every chunk.
  asm("vpdpbusd %2, %1, %0" : "+v"(sums.v) : "v"(x.v), "v"(four.v));
  return sums;
#else
  const __m512i ones = _mm512_set1_epi16(1);
  const auto products = [&](__m512i bytes) {
    return _mm512_madd_epi16(_mm512_maddubs_epi16(bytes, four.v), ones);
  };
  if constexpr (!kWide) return {_mm512_add_epi32(sums.v, products(x.v))};
  // The pairwise sums of bytes above 127 would not fit 16 bits, so the highest bit goes apart.
  const __m512i low = products(field<0, 7>(x).v);
  const __m512i high = products(field<7, 1>(x).v);
  return {_mm512_add_epi32(sums.v, _mm512_add_epi32(low, _mm512_slli_epi32(high, 7)))};
#endif
}

/// Sixty-four signed bytes.
struct S8x64 {
  __m512i v;
};
inline S8x64 load_bytes(const std::int8_t* p) {
  return {_mm512_loadu_si512(p)};
}
/// Four bytes of at most 254, for every lane.
struct UnsignedFour {
  __m512i v;
};
inline UnsignedFour load_four(const std::uint8_t* p) {
  std::int32_t word = 0;
  __builtin_memcpy(&word, p, sizeof word);
  return {_mm512_set1_epi32(word)};
}
/// sums[i] + the products of the signed bytes 4i .. 4i + 3 with the four.
inline I32x16 dot(I32x16 sums, S8x64 x, UnsignedFour four) {
#if defined(SACCADE_ISA_AVX512_VNNI) || defined(SACCADE_ISA_AVX512_BF16)
  asm("vpdpbusd %2, %1, %0" : "+v"(sums.v) : "v"(four.v), "v"(x.v));  // as above
  return sums;
#else
  // Pairs of products fit 16 bits where a factor is at most 127: twice, then.
  const __m512i low = _mm512_min_epu8(four.v, _mm512_set1_epi8(127));
  const auto products = [&](__m512i factors) {
    return _mm512_madd_epi16(_mm512_maddubs_epi16(factors, x.v), _mm512_set1_epi16(1));
  };
  const __m512i rest = products(_mm512_sub_epi8(four.v, low));
  return {_mm512_add_epi32(sums.v, _mm512_add_epi32(products(low), rest))};
#endif
}

/// Thirty-two 16-bit integers, in pairs.
struct I16x32 {
  __m512i v;
};
inline I16x32 load_words(const std::int16_t* p) {
  return {_mm512_loadu_si512(p)};
}
/// Bytes 2 i and 2 i + 1 as the lower and the upper half of integer i.
inline I32x16 load_byte_pairs(const std::uint8_t* p) {
  return {_mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
/// The halves of the integers.
inline I16x32 as_pairs(I32x16 x) {
  return {x.v};
}
/// The lower halves of the integers.
inline void store_words(std::int16_t* p, I32x16 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(x.v));
}
/// sums[i] + the products of the pair i with the two integers at `two`.
inline I32x16 dot(I32x16 sums, I16x32 x, const std::int16_t* two) {
  std::int32_t pair = 0;
  __builtin_memcpy(&pair, two, sizeof pair);
#if defined(SACCADE_ISA_AVX512_VNNI) || defined(SACCADE_ISA_AVX512_BF16)
  // Written out, since GCC 12 copies the sums of its intrinsic to the stack and back every time:
  // 147 GOP/s of 379 in a tile of scores (Sapphire Rapids).
  asm("vpdpwssd %2, %1, %0" : "+v"(sums.v) : "v"(x.v), "v"(_mm512_set1_epi32(pair)));
  return sums;
#else
  return {_mm512_add_epi32(sums.v, _mm512_madd_epi16(x.v, _mm512_set1_epi32(pair)))};
#endif
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
