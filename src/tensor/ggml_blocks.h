// Reading the quantized blocks of GGUF files (the formats of ggml-quants in llama.cpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tensor/ggml_type.h"

namespace saccade {

/// The most elements and the most separately scaled parts a block has.
inline constexpr int kMaxBlockElements = 256;
inline constexpr int kMaxBlockParts = 16;

/// A block's scales, taken apart but not multiplied out: part p of a block means
///   weight = d * scale[p] * (value of the code) - m * min[p].
/// Types without parts have a single one, whose scale is 1 and whose min is -1 where there is an m.
struct BlockScales {
  std::uint16_t d = 0;  ///< f16 bits; the exponent byte of MXFP4
  std::uint16_t m = 0;  ///< f16 bits
  std::array<std::int8_t, kMaxBlockParts> scale{};
  std::array<std::int8_t, kMaxBlockParts> min{};
};

/// What is the same in all blocks of a type.
struct BlockShape {
  int bits = 0;   ///< of a code
  int parts = 0;  ///< that have a scale of their own; all equally long
  int zero = 0;   ///< value = code - zero, unless there is a table
  bool has_min = false;
  const std::int8_t* table = nullptr;  ///< value of each of 16 codes
};

/// The shape of a quantized type.
const BlockShape& block_shape(GgmlType type);

/// The block's codes in the order of its elements, unsigned.
void read_block_codes(GgmlType type, const std::byte* block, std::uint8_t* codes);
BlockScales read_block_scales(GgmlType type, const std::byte* block);

/// Values of the 4-bit codes of IQ4_NL and IQ4_XS.
inline constexpr std::array<std::int8_t, 16> kIq4Values = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
/// Twice the values of E2M1 numbers, sign in bit 3.
inline constexpr std::array<std::int8_t, 16> kE2m1Doubled = {0, 1,  2,  3,  4,  6,  8,  12,
                                                             0, -1, -2, -3, -4, -6, -8, -12};

}  // namespace saccade
