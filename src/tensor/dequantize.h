// What quantized numbers mean: the plain reference that kernels and converters are held against.
#pragma once

#include <bit>
#include <cstdint>

#include "tensor/weight_format.h"

namespace saccade {

/// An E8M0 scale: 2^(bits - 127); 255 is not a number (OCP Microscaling, 2023).
constexpr float e8m0_to_f32(std::uint8_t bits) {
  if (bits == 0xff) return std::bit_cast<float>(0x7fc00000u);
  // 2^-127 is a subnormal float.
  return std::bit_cast<float>(bits == 0 ? 0x00400000u : static_cast<std::uint32_t>(bits) << 23);
}

/// An E4M3 number without infinities: 4 bits of exponent with bias 7, 3 of mantissa; 0x7f and 0xff
/// are not numbers (OCP 8-bit floating point, 2023).
constexpr float e4m3_to_f32(std::uint8_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x80u) << 24;
  const std::uint32_t exponent = (bits >> 3) & 0x0fu;
  const std::uint32_t mantissa = bits & 7u;
  if ((bits & 0x7fu) == 0x7fu) return std::bit_cast<float>(sign | 0x7fc00000u);
  const float magnitude = exponent == 0
                              ? static_cast<float>(mantissa) * 0x1p-9f
                              : std::bit_cast<float>((exponent + 120) << 23 | mantissa << 20);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
}

/// The same as MLX reads it on Apple's GPUs: it has no not-a-number, 0x7f is 480, and its own
/// quantizer stores that for values from 464 up.
constexpr float e4m3_to_f32_as_mlx(std::uint8_t bits) {
  if ((bits & 0x7fu) == 0x7fu) return (bits & 0x80u) != 0 ? -480.0f : 480.0f;
  return e4m3_to_f32(bits);
}

/// Element `index` of floating-point numbers that may lie at any address.
float float_at(const std::byte* data, DType dtype, std::int64_t index);

/// Reads element `index` of a packed row of `bits`-wide codes: one little-endian bit stream.
std::uint8_t packed_code(const std::byte* row, int bits, std::int64_t index);

/// The weights of row `output` as float32, by the published formula of the format: products and
/// sums each rounded once. `to` has room for matrix.inputs.
void dequantize_row(const HostMatrix& matrix, std::int64_t output, float* to);

}  // namespace saccade
