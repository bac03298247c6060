#include "media/weighted_sum.h"

#include <algorithm>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace saccade::media {

// All sums are taken modulo 2^32, and the true sum fits, so the order and the split of the weights
// do not change a bit of the result.
#if defined(__SSE2__)
namespace {

/// Four 32-bit sums of low and of high halves, for each quarter of the lanes.
struct Sums {
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

}  // namespace

void weighted_sum(const std::uint8_t* rows, std::ptrdiff_t stride,
                  std::span<const WeightPair> pairs, int taps, std::uint8_t* out) {
  Sums sums;
  for (int q = 0; q < 4; ++q) {
    sums.low[q] = _mm_set1_epi32(1 << (kWeightBits - 1));
    sums.high[q] = _mm_setzero_si128();
  }
  int k = 0;
  for (; k + 1 < taps; k += 2, rows += 2 * stride) {
    sums.add(load(rows), load(rows + stride), pairs[k / 2]);
  }
  if (k < taps) sums.add(load(rows), _mm_setzero_si128(), pairs[k / 2]);
  const __m128i front = _mm_packs_epi32(sums.rounded(0), sums.rounded(1));
  const __m128i back = _mm_packs_epi32(sums.rounded(2), sums.rounded(3));
  store(out, _mm_packus_epi16(front, back));
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

void weighted_sum(const std::uint8_t* rows, std::ptrdiff_t stride,
                  std::span<const WeightPair> pairs, int taps, std::uint8_t* out) {
  std::int32_t sums[kLanes];
  std::fill_n(sums, kLanes, 1 << (kWeightBits - 1));
  for (int k = 0; k < taps; ++k, rows += stride) {
    const WeightPair& pair = pairs[k / 2];
    const std::int32_t weight = pair.high[k % 2] * (1 << 15) + pair.low[k % 2];
    for (int i = 0; i < kLanes; ++i) sums[i] += weight * rows[i];
  }
  for (int i = 0; i < kLanes; ++i) {
    out[i] = static_cast<std::uint8_t>(std::clamp(sums[i] >> kWeightBits, 0, 255));
  }
}

void transpose_block(const std::uint8_t* in, std::ptrdiff_t in_stride, std::uint8_t* out,
                     std::ptrdiff_t out_stride) {
  for (int i = 0; i < kLanes; ++i) {
    for (int j = 0; j < kLanes; ++j) out[j * out_stride + i] = in[i * in_stride + j];
  }
}

#endif

}  // namespace saccade::media
