// The one inner loop of resizing: a fixed-point weighted sum of byte vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace saccade::media {

/// Binary digits behind the point of a weight; a weight of one is 1 << 22. As in Pillow: 8 bits of
/// pixel and 2 spare bits fill the rest of 32.
inline constexpr int kWeightBits = 22;

/// Rows and columns of a block that transpose_block() turns around.
inline constexpr int kLanes = 16;

/// Bytes that one call of a weighted sum makes: the three channels of kLanes pixels.
inline constexpr int kStep = 3 * kLanes;

/// out[i] = clamp((1/2 + sum over k of weights[k] * rows[k * stride + i]) >> 22) to 0..255, for i
/// in [0, kStep).
using WeightedSum = void (*)(const std::uint8_t* rows, std::ptrdiff_t stride,
                             std::span<const std::int32_t> weights, std::uint8_t* out);

/// The fastest one that this processor can run. All give the same bits: the sums are whole numbers.
WeightedSum weighted_sum();

/// Those that this processor can run, by the names of their instruction sets, for tests.
struct NamedWeightedSum {
  std::string_view name;
  WeightedSum run;
};
std::vector<NamedWeightedSum> weighted_sums();

/// Turns kLanes rows of kLanes bytes (row i at in + i * in_stride) into columns.
void transpose_block(const std::uint8_t* in, std::ptrdiff_t in_stride, std::uint8_t* out,
                     std::ptrdiff_t out_stride);

}  // namespace saccade::media
