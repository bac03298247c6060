#include "tensor/quantize_groups.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensor/dequantize.h"
#include "tensor/quantize.h"

namespace saccade {
namespace {

using Kind = WeightFormat::Kind;

constexpr std::int64_t kMaxGroup = 128;

/// Adding it to a number below 2^22 rounds to a whole one, halves to even; unlike std::rint, GCC
/// makes vector instructions of it for every x86.
constexpr float kRound = 0x1.8p23f;

/// The scale and offset that MLX gives a group, both unrounded.
struct Affine {
  float scale;
  float offset;
};

Affine fit_affine(const float* group, std::int64_t size, int bits) {
  float low = group[0];
  float high = group[0];
  for (std::int64_t i = 1; i < size; ++i) {
    low = std::min(low, group[i]);
    high = std::max(high, group[i]);
  }
  const auto steps = static_cast<float>((1 << bits) - 1);
  const bool low_is_larger = std::abs(low) > std::abs(high);
  const float positive = std::max((high - low) / steps, 1e-7f);
  const float scale = low_is_larger ? positive : -positive;
  const float edge = low_is_larger ? low : high;
  const float edge_code = std::rint(edge / scale);
  if (edge_code == 0.0f) return {scale, 0.0f};
  return {edge / edge_code, edge};
}

/// Writes codes as one little-endian stream of bits. Groups are whole bytes.
void pack_codes(const std::uint8_t* codes, std::int64_t count, int bits, std::byte* to) {
  if (bits == 8) {
    std::memcpy(to, codes, count);
    return;
  }
  std::uint64_t window = 0;
  int filled = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    window |= static_cast<std::uint64_t>(codes[i]) << filled;
    filled += bits;
    while (filled >= 8) {
      *to++ = static_cast<std::byte>(window);
      window >>= 8;
      filled -= 8;
    }
  }
}

/// An E2M1 code, halves to the even one of two neighbours.
std::uint8_t to_e2m1(float value) {
  const float magnitude = std::abs(value);
  const int code = (magnitude > 0.25f) + (magnitude >= 0.75f) + (magnitude > 1.25f) +
                   (magnitude >= 1.75f) + (magnitude > 2.5f) + (magnitude >= 3.5f) +
                   (magnitude > 5.0f);
  return static_cast<std::uint8_t>(code | (std::signbit(value) ? 8 : 0));
}

/// The power of two nearest in the logarithm; a group of zeros gets the smallest.
std::uint8_t to_e8m0(float value) {
  if (!std::isfinite(value)) return 0xff;
  if (value == 0.0f) return 0;
  const float exponent = std::round(std::log2(value));
  return static_cast<std::uint8_t>(std::clamp(exponent, -127.0f, 127.0f) + 127.0f);
}

}  // namespace

std::uint8_t f32_to_e4m3(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint8_t>(bits >> 24 & 0x80u);
  const float magnitude = std::abs(value);
  if (std::isnan(value)) return sign | 0x7f;
  // On Apple's GPUs MLX stores 0x7f from 464 to 480 and reads it as 480; elsewhere that is not a
  // number.
  if (magnitude >= 464.0f) return sign | 0x7e;
  if (magnitude < 0x1p-6f) {
    // Subnormal: multiples of 2^-9.
    return sign | static_cast<std::uint8_t>(std::rint(magnitude * 0x1p9f));
  }
  const std::uint32_t magnitude_bits = bits & 0x7fffffffu;
  const std::uint32_t rounded = magnitude_bits + 0x7ffffu + (magnitude_bits >> 20 & 1u);
  return sign | static_cast<std::uint8_t>((rounded >> 20) - (120u << 3));
}

void quantize_affine_row(const WeightFormat& format, const float* row, std::int64_t inputs,
                         std::byte* data, std::byte* scales, std::byte* offsets) {
  const std::int64_t size = format.group_size;
  const auto element = static_cast<std::int64_t>(dtype_bytes(format.dtype));
  const auto top = static_cast<float>((1 << format.bits) - 1);
  std::uint8_t codes[kMaxGroup];
  for (std::int64_t g = 0; g < inputs / size; ++g) {
    const float* group = row + g * size;
    const Affine affine = fit_affine(group, size, format.bits);
    for (std::int64_t i = 0; i < size; ++i) {
      const float code = (group[i] - affine.offset) / affine.scale;
      // Bounds are whole numbers, so it is the same to apply them before rounding. Written so that
      // what is not a number becomes 0.
      const float bounded = code > 0.0f ? (code < top ? code : top) : 0.0f;
      codes[i] = static_cast<std::uint8_t>(static_cast<int>(bounded + kRound - kRound));
    }
    pack_codes(codes, size, format.bits, data + g * size * format.bits / 8);
    store_floats(&affine.scale, 1, format.dtype, scales + g * element);
    store_floats(&affine.offset, 1, format.dtype, offsets + g * element);
  }
}

void quantize_small_float_row(const WeightFormat& format, const float* row, std::int64_t inputs,
                              std::byte* data, std::byte* scales) {
  const std::int64_t size = format.group_size;
  const bool wide = format.kind == Kind::kMxfp8;
  const int bits = wide ? 8 : 4;
  std::uint8_t codes[kMaxGroup];
  for (std::int64_t g = 0; g < inputs / size; ++g) {
    const float* group = row + g * size;
    float largest = 0.0f;
    for (std::int64_t i = 0; i < size; ++i) largest = std::max(largest, std::abs(group[i]));
    const float wanted = largest / (wide ? 448.0f : 6.0f);
    const bool nv = format.kind == Kind::kNvfp4;
    const std::uint8_t stored = nv ? f32_to_e4m3(wanted) : to_e8m0(wanted);
    const float scale = nv ? e4m3_to_f32(stored) : e8m0_to_f32(stored);
    for (std::int64_t i = 0; i < size; ++i) {
      const float value = scale == 0.0f ? 0.0f : group[i] / scale;
      codes[i] = wide ? f32_to_e4m3(value) : to_e2m1(value);
    }
    pack_codes(codes, size, bits, data + g * size * bits / 8);
    scales[g] = static_cast<std::byte>(stored);
  }
}

}  // namespace saccade
