// How attention rounds: queries, keys and values to integers of 16 or of 8 bits.
//
// 16 bits are as good as float32 for all purposes. 8 bits cost as much as rounding the inputs of
// the products that queries and keys come from, and are kept from costing more by three measures.
//
// Queries and keys are turned by an orthogonal matrix, a Hadamard matrix behind random signs, which
// leaves their products as they are and spreads a few large channels over all of them (QuaRot,
// Ashkboos et al. 2024; incoherent processing in FlashAttention-3, Shah et al. 2024).
//
// Keys of many models have a large part in common, which the softmax takes out again (in Qwen2.5
// the bias, hundreds of times what tells keys apart). The first key of a block is kept in 16 bits,
// others in 8 bits as differences from it; a query's score with that first key is added exactly.
// (SmoothAttention in SageAttention, Zhang et al. 2024, takes out the mean of all keys, which is
// not known before the last of them.)
//
// A weight is rounded up or down by its key's own threshold, evenly spread over a block (ordered
// dithering, Bayer 1973): many small weights keep their sum, which would be lost beside a large
// one.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "compute/cpu/kernels/kernels.h"
#include "compute/cpu/kernels/simd.h"

namespace saccade::compute::cpu::SACCADE_ISA {

/// Codes are rounded, which makes a norm a little larger: 2^15 leaves room for 23 (kMaxHeadDim).
inline constexpr float kLargestWord = 32700.0f;
inline constexpr float kLargestByte = 127.0f;
/// Codes of queries have this added, so that one factor of every product of bytes has no sign.
inline constexpr int kByteMiddle = 127;
/// Of weights, and of codes of queries with the middle.
inline constexpr float kLargestUnsigned = 254.0f;

/// f(i, lanes) for the parts of sixteen of n.
template <typename F>
inline __attribute__((always_inline)) void for_parts(int n, F&& f) {
  for (int i = 0; i < n; i += kLanes) f(i, n - i < kLanes ? n - i : kLanes);
}

inline float norm_of(const float* x, int n) {
  F32x16 squares = broadcast(0.0f);
  for_parts(n, [&](int i, int lanes) {
    const F32x16 value = load_first(x + i, lanes);
    squares = fma(value, value, squares);
  });
  return __builtin_sqrtf(reduce_add(squares));
}

inline float largest_of(const float* x, int n) {
  F32x16 largest = broadcast(0.0f);
  for_parts(n, [&](int i, int lanes) {
    const F32x16 value = load_first(x + i, lanes);
    largest = max(largest, max(value, sub(broadcast(0.0f), value)));
  });
  return reduce_max(largest);
}

/// x [n] = scale * codes, `size` being what becomes `most`; returns the scale. Codes after the last
/// are zero, to a whole vector.
inline float round_words(std::int16_t* codes, const float* x, int n, float size, float most) {
  const F32x16 inverse = broadcast(size > 0.0f ? most / size : 0.0f);
  for_parts(n, [&](int i, int lanes) {
    store_words(codes + i, to_nearest(mul(load_first(x + i, lanes), inverse)));
  });
  return size / most;
}

/// x [n] = scale * codes with the codes' norm at most kLargestWord; returns the scale.
inline float round_by_norm(std::int16_t* codes, const float* x, int n) {
  return round_words(codes, x, n, norm_of(x, n), kLargestWord);
}

/// The same with codes of at most kLargestWord each.
inline float round_by_largest(std::int16_t* codes, const float* x, int n) {
  return round_words(codes, x, n, largest_of(x, n), kLargestWord);
}

/// x [n] = scale * codes with codes of at most kLargestByte each; returns the scale. Codes after
/// the last are zero, to a whole vector. Adds the codes up in `sum`.
inline float round_bytes(std::int8_t* codes, const float* x, int n, std::int32_t* sum = nullptr) {
  const float size = largest_of(x, n);
  const F32x16 inverse = broadcast(size > 0.0f ? kLargestByte / size : 0.0f);
  I32x16 sums = broadcast_int(0);
  for_parts(n, [&](int i, int lanes) {
    const I32x16 code = to_nearest(mul(load_first(x + i, lanes), inverse));
    sums = add(sums, code);
    store_bytes(codes + i, code);
  });
  if (sum != nullptr) *sum = reduce_add(sums);
  return size / kLargestByte;
}

/// Signs that no pattern of a head's channels follows: bits of a multiplicative hash.
constexpr std::array<float, kMaxHeadDim> make_signs() {
  std::array<float, kMaxHeadDim> signs{};
  for (std::uint32_t i = 0; i < kMaxHeadDim; ++i) {
    std::uint32_t hash = (i + 1) * 2654435761u;
    hash = (hash ^ hash >> 15) * 2246822519u;
    signs[i] = ((hash ^ hash >> 13) & 1) != 0 ? -1.0f : 1.0f;
  }
  return signs;
}
alignas(64) inline constexpr std::array<float, kMaxHeadDim> kSigns = make_signs();

/// What the lanes of a step's result take of their own value: x[i] + x[i + kStep] in the first,
/// x[i] - x[i + kStep] in the second of a pair.
template <int kStep>
constexpr std::array<float, 16> make_butterfly() {
  std::array<float, 16> signs{};
  for (int i = 0; i < 16; ++i) signs[i] = (i & kStep) != 0 ? -1.0f : 1.0f;
  return signs;
}
template <int kStep>
alignas(64) inline constexpr std::array<float, 16> kButterfly = make_butterfly<kStep>();

template <int kStep>
F32x16 turn_lanes(F32x16 x) {
  return fma(x, load(kButterfly<kStep>.data()), swap_lanes<kStep>(x));
}

/// The order of the Hadamard matrix that heads of a size are turned by, piece by piece.
constexpr int turned_piece(int head_dim) {
  return head_dim & -head_dim;
}

/// y [head_dim], to whole vectors, is x turned, and longer by the root of turned_piece(head_dim).
/// The fast Walsh-Hadamard transform.
inline void turn(float* y, const float* x, int head_dim) {
  const int piece = turned_piece(head_dim);
  for_parts(head_dim, [&](int i, int lanes) {
    F32x16 part = mul(load_first(x + i, lanes), load(kSigns.data() + i));
    if (piece > 1) part = turn_lanes<1>(part);
    if (piece > 2) part = turn_lanes<2>(part);
    if (piece > 4) part = turn_lanes<4>(part);
    if (piece > 8) part = turn_lanes<8>(part);
    store(y + i, part);
  });
  for (int step = kLanes; step < piece; step *= 2) {
    for (int i = 0; i < head_dim; i += kLanes) {
      if ((i & step) != 0) continue;
      const F32x16 a = load(y + i), b = load(y + i + step);
      store(y + i, add(a, b));
      store(y + i + step, sub(a, b));
    }
  }
}

/// Thresholds of a block's keys, less a half: the sixty-fourths in an order in which any stretch of
/// keys has about the same mean, that of their bits reversed.
constexpr std::array<float, kKeyBlock> make_thresholds() {
  std::array<float, kKeyBlock> thresholds{};
  for (int i = 0; i < kKeyBlock; ++i) {
    int reversed = 0;
    for (int bit = 1; bit < kKeyBlock; bit *= 2) reversed = reversed * 2 + ((i & bit) != 0 ? 1 : 0);
    thresholds[i] = (static_cast<float>(reversed) + 0.5f) / kKeyBlock - 0.5f;
  }
  return thresholds;
}
alignas(64) inline constexpr std::array<float, kKeyBlock> kThresholds = make_thresholds();

namespace store_tokens {

template <typename T>
T* at(std::byte* block, std::int64_t offset) {
  return reinterpret_cast<T*>(block + offset);
}

/// Puts codes where the products expect them.
template <typename T>
void place(const KvBlockLayout& layout, std::byte* block, int slot, const T* key, const T* value) {
  constexpr int kStep = 4 / sizeof(T);
  const int groups = (layout.head_dim + kStep - 1) / kStep;
  for (int i = 0; i < groups; ++i) {
    std::memcpy(block + (i * kKeyBlock + slot) * 4, key + kStep * i, 4);
  }
  T* values = at<T>(block, layout.values_offset()) +
              static_cast<std::int64_t>(slot / kStep) * layout.width() * kStep + slot % kStep;
  for (int i = 0; i < layout.width(); ++i) values[kStep * i] = value[i];
}

inline void words(const KvBlockLayout& layout, std::byte* block, int slot, const float* key,
                  const float* value) {
  alignas(64) std::int16_t codes[2][kMaxHeadDim];
  auto* scales = at<float>(block, layout.scales_offset());
  scales[slot] = round_by_norm(codes[0], key, layout.head_dim);
  scales[kKeyBlock + slot] = round_by_largest(codes[1], value, layout.head_dim);
  place(layout, block, slot, codes[0], codes[1]);
}

inline void bytes(const KvBlockLayout& layout, std::byte* block, int slot, const float* key,
                  const float* value) {
  const int n = layout.head_dim;
  alignas(64) float turned[kMaxHeadDim];
  turn(turned, key, n);
  auto* anchor = at<std::int16_t>(block, layout.anchor_offset());
  float& anchor_scale = *at<float>(block, layout.anchor_scale_offset());
  if (slot == 0) anchor_scale = round_by_norm(anchor, turned, n);
  for (int i = 0; i < n; ++i) turned[i] -= anchor_scale * static_cast<float>(anchor[i]);
  alignas(64) std::int8_t codes[2][kMaxHeadDim];
  std::int32_t sum = 0;
  auto* scales = at<float>(block, layout.scales_offset());
  scales[slot] = round_bytes(codes[0], turned, n, &sum);
  at<std::int32_t>(block, layout.starts_offset())[slot] = -kByteMiddle * sum;
  scales[kKeyBlock + slot] = round_bytes(codes[1], value, n);
  place(layout, block, slot, codes[0], codes[1]);
}

}  // namespace store_tokens

/// Stores a token's key and value, [head_dim] each, as number `slot` of a block of integers.
inline void store_rounded_token(const KvBlockLayout& layout, std::byte* block, int slot,
                                const float* key, const float* value) {
  if (layout.codes == KvCodes::kInt8) {
    store_tokens::bytes(layout, block, slot, key, value);
  } else {
    store_tokens::words(layout, block, slot, key, value);
  }
}

}  // namespace saccade::compute::cpu::SACCADE_ISA
