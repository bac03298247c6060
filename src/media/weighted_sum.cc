#include "media/weighted_sum.h"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

// All sums are taken modulo 2^32, and the true sum fits, so the order and the split of the weights
// do not change a bit of the result.
namespace saccade::media {
namespace {

#if defined(__SSE2__)

// A multiplication of 32 bits for each byte and weight. Written with intrinsics because GCC 12
// widens bytes to 32 bits one by one (measured: 126 ms for what takes 15).
[[gnu::target("avx512f,avx512bw,avx512vl")]] void sum_avx512(const std::uint8_t* rows,
                                                             std::ptrdiff_t stride,
                                                             std::span<const std::int32_t> weights,
                                                             std::uint8_t* out) {
  __m512i sums[3];
  for (__m512i& sum : sums) sum = _mm512_set1_epi32(1 << (kWeightBits - 1));
  for (const std::int32_t weight : weights) {
    const __m512i factor = _mm512_set1_epi32(weight);
    for (int v = 0; v < 3; ++v) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + 16 * v));
      const __m512i values = _mm512_cvtepu8_epi32(bytes);
      sums[v] = _mm512_add_epi32(sums[v], _mm512_mullo_epi32(values, factor));
    }
    rows += stride;
  }
  for (int v = 0; v < 3; ++v) {
    const __m512i sum = _mm512_srai_epi32(sums[v], kWeightBits);
    const __m512i positive = _mm512_max_epi32(sum, _mm512_setzero_si512());
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * v), _mm512_cvtusepi32_epi8(positive));
  }
}

[[gnu::target("avx2")]] void sum_avx2(const std::uint8_t* rows, std::ptrdiff_t stride,
                                      std::span<const std::int32_t> weights, std::uint8_t* out) {
  __m256i sums[6];
  for (__m256i& sum : sums) sum = _mm256_set1_epi32(1 << (kWeightBits - 1));
  for (const std::int32_t weight : weights) {
    const __m256i factor = _mm256_set1_epi32(weight);
    for (int v = 0; v < 6; ++v) {
      const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(rows + 8 * v));
      const __m256i values = _mm256_cvtepu8_epi32(bytes);
      sums[v] = _mm256_add_epi32(sums[v], _mm256_mullo_epi32(values, factor));
    }
    rows += stride;
  }
  for (int v = 0; v < 6; v += 2) {
    // Packing works on halves of a register: each gives four bytes of the first and of the second.
    const __m256i packed = _mm256_packs_epi32(_mm256_srai_epi32(sums[v], kWeightBits),
                                              _mm256_srai_epi32(sums[v + 1], kWeightBits));
    const __m256i ordered = _mm256_permute4x64_epi64(packed, 0b11011000);
    const __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 8 * v), bytes);
  }
}

/// Two neighbouring weights, each split as high * 2^15 + low: SSE2 multiplies 16 bits, and adds the
/// products in pairs.
struct WeightPair {
  std::int16_t low[2];
  std::int16_t high[2];

  WeightPair(std::int32_t first, std::int32_t second)
      : low{static_cast<std::int16_t>(first & 0x7fff), static_cast<std::int16_t>(second & 0x7fff)},
        high{static_cast<std::int16_t>(first >> 15), static_cast<std::int16_t>(second >> 15)} {}
};

/// Four 32-bit sums of low and of high halves, for each quarter of the lanes.
struct PairSums {
  __m128i low[4];
  __m128i high[4];

  void add(__m128i first, __m128i second, const WeightPair& pair) {
    std::int32_t low_bits, high_bits;
    std::memcpy(&low_bits, pair.low, 4);
    std::memcpy(&high_bits, pair.high, 4);
    const __m128i low_weights = _mm_set1_epi32(low_bits);
    const __m128i high_weights = _mm_set1_epi32(high_bits);
    const __m128i zero = _mm_setzero_si128();
    const __m128i front = _mm_unpacklo_epi8(first, second);
    const __m128i back = _mm_unpackhi_epi8(first, second);
    const __m128i quarters[4] = {_mm_unpacklo_epi8(front, zero), _mm_unpackhi_epi8(front, zero),
                                 _mm_unpacklo_epi8(back, zero), _mm_unpackhi_epi8(back, zero)};
    for (int q = 0; q < 4; ++q) {
      low[q] = _mm_add_epi32(low[q], _mm_madd_epi16(quarters[q], low_weights));
      high[q] = _mm_add_epi32(high[q], _mm_madd_epi16(quarters[q], high_weights));
    }
  }

  __m128i rounded(int q) const {
    return _mm_srai_epi32(_mm_add_epi32(low[q], _mm_slli_epi32(high[q], 15)), kWeightBits);
  }
};

__m128i load(const std::uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

void store(std::uint8_t* bytes, __m128i value) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), value);
}

/// Sums of kLanes bytes.
void sum_lanes(const std::uint8_t* rows, std::ptrdiff_t stride,
               std::span<const std::int32_t> weights, std::uint8_t* out) {
  PairSums sums;
  for (int q = 0; q < 4; ++q) {
    sums.low[q] = _mm_set1_epi32(1 << (kWeightBits - 1));
    sums.high[q] = _mm_setzero_si128();
  }
  std::size_t k = 0;
  for (; k + 1 < weights.size(); k += 2, rows += 2 * stride) {
    sums.add(load(rows), load(rows + stride), {weights[k], weights[k + 1]});
  }
  if (k < weights.size()) sums.add(load(rows), _mm_setzero_si128(), {weights[k], 0});
  const __m128i front = _mm_packs_epi32(sums.rounded(0), sums.rounded(1));
  const __m128i back = _mm_packs_epi32(sums.rounded(2), sums.rounded(3));
  store(out, _mm_packus_epi16(front, back));
}

void sum_sse2(const std::uint8_t* rows, std::ptrdiff_t stride,
              std::span<const std::int32_t> weights, std::uint8_t* out) {
  for (int i = 0; i < kStep; i += kLanes) sum_lanes(rows + i, stride, weights, out + i);
}

}  // namespace

std::vector<NamedWeightedSum> weighted_sums() {
  std::vector<NamedWeightedSum> sums = {{"sse2", sum_sse2}};
  if (__builtin_cpu_supports("avx2")) sums.push_back({"avx2", sum_avx2});
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    sums.push_back({"avx512", sum_avx512});
  }
  return sums;
}

void transpose_block(const std::uint8_t* in, std::ptrdiff_t in_stride, std::uint8_t* out,
                     std::ptrdiff_t out_stride) {
  // Four rounds of interleaving row i with row i + 8 turn 16 rows of 16 bytes around.
  __m128i rows[16];
  for (int i = 0; i < 16; ++i) rows[i] = load(in + i * in_stride);
  for (int round = 0; round < 4; ++round) {
    __m128i next[16];
    for (int i = 0; i < 8; ++i) {
      next[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
      next[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
    }
    std::copy_n(next, 16, rows);
  }
  for (int i = 0; i < 16; ++i) store(out + i * out_stride, rows[i]);
}

#else

void sum_plain(const std::uint8_t* rows, std::ptrdiff_t stride,
               std::span<const std::int32_t> weights, std::uint8_t* out) {
  std::int32_t sums[kStep];
  std::fill_n(sums, kStep, 1 << (kWeightBits - 1));
  for (const std::int32_t weight : weights) {
    for (int i = 0; i < kStep; ++i) sums[i] += weight * rows[i];
    rows += stride;
  }
  for (int i = 0; i < kStep; ++i) {
    out[i] = static_cast<std::uint8_t>(std::clamp(sums[i] >> kWeightBits, 0, 255));
  }
}

}  // namespace

std::vector<NamedWeightedSum> weighted_sums() {
  return {{"plain", sum_plain}};
}

void transpose_block(const std::uint8_t* in, std::ptrdiff_t in_stride, std::uint8_t* out,
                     std::ptrdiff_t out_stride) {
  for (int i = 0; i < kLanes; ++i) {
    for (int j = 0; j < kLanes; ++j) out[j * out_stride + i] = in[i * in_stride + j];
  }
}

#endif

WeightedSum weighted_sum() {
  static const WeightedSum kBest = weighted_sums().back().run;
  return kBest;
}

}  // namespace saccade::media
