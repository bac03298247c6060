// The one inner loop of resizing: a fixed-point weighted sum of byte vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace saccade::media {

/// Binary digits behind the point of a weight; a weight of one is 1 << 22. As in Pillow: 8 bits of
/// pixel and 2 spare bits fill the rest of 32.
inline constexpr int kWeightBits = 22;

/// Bytes that one call of weighted_sum() makes.
inline constexpr int kLanes = 16;

/// Two neighbouring weights, each split as high * 2^15 + low. Products of bytes with such halves
/// can be added in pairs of 16 bits, which every x86-64 can do in one instruction.
struct WeightPair {
  std::int16_t low[2];
  std::int16_t high[2];
};

/// out[i] = clamp((1/2 + sum over k of weight k * rows[k * stride + i]) >> 22) to 0..255, for i in
/// [0, kLanes). `taps` is the number of weights; an odd last one has a partner of zero in `pairs`.
void weighted_sum(const std::uint8_t* rows, std::ptrdiff_t stride,
                  std::span<const WeightPair> pairs, int taps, std::uint8_t* out);

/// Turns kLanes rows of kLanes bytes (row i at in + i * in_stride) into columns.
void transpose_block(const std::uint8_t* in, std::ptrdiff_t in_stride, std::uint8_t* out,
                     std::ptrdiff_t out_stride);

}  // namespace saccade::media
