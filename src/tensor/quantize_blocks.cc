// The types whose scales follow from the largest weights alone, exactly as ggml's reference
// computes them: float32 throughout, scales rounded to f16 after the codes were made.
#include "tensor/quantize_blocks.h"

#include <algorithm>
#include <cmath>

#include "tensor/dequantize.h"
#include "tensor/ggml_pack.h"

namespace saccade {
namespace {

constexpr int kBlock = 32;

float inverse(float scale) {
  return scale != 0.0f ? 1.0f / scale : 0.0f;
}

/// The weight farthest from zero, with its sign.
float farthest(const float* values) {
  float found = 0.0f;
  for (int i = 0; i < kBlock; ++i) {
    if (std::abs(values[i]) > std::abs(found)) found = values[i];
  }
  return found;
}

std::uint8_t bounded(float code, int top) {
  // Codes are not negative here but for what is not a number.
  const float limited = code > 0.0f ? std::min(code, 255.0f) : 0.0f;
  return static_cast<std::uint8_t>(std::min(top, static_cast<int>(limited)));
}

/// Q4_0 and Q5_0: the farthest weight becomes code 0, which means -zero.
void symmetric_block(GgmlType type, const float* values, std::byte* to) {
  const BlockShape& shape = block_shape(type);
  const auto zero = static_cast<float>(shape.zero);
  const float d = farthest(values) / -zero;
  const float id = inverse(d);
  std::uint8_t codes[kBlock];
  for (int i = 0; i < kBlock; ++i) {
    codes[i] = bounded(values[i] * id + (zero + 0.5f), 2 * shape.zero - 1);
  }
  BlockScales scales;
  scales.d = f32_to_f16(d);
  write_block(type, codes, scales, to);
}

/// Q4_1 and Q5_1: codes from the smallest to the largest weight.
void offset_block(GgmlType type, const float* values, std::byte* to) {
  const auto [low, high] = std::minmax_element(values, values + kBlock);
  const int top = (1 << block_shape(type).bits) - 1;
  const float d = (*high - *low) / static_cast<float>(top);
  const float id = inverse(d);
  std::uint8_t codes[kBlock];
  for (int i = 0; i < kBlock; ++i) codes[i] = bounded((values[i] - *low) * id + 0.5f, top);
  BlockScales scales;
  scales.d = f32_to_f16(d);
  scales.m = f32_to_f16(*low);
  write_block(type, codes, scales, to);
}

void q8_0_block(const float* values, std::byte* to) {
  const float d = std::abs(farthest(values)) / 127.0f;
  const float id = inverse(d);
  std::uint8_t codes[kBlock];
  for (int i = 0; i < kBlock; ++i) {
    const float scaled = values[i] * id;
    // Halves away from zero.
    codes[i] = bounded(
        scaled < 0.0f ? 128.0f - std::floor(0.5f - scaled) : 128.0f + std::floor(scaled + 0.5f),
        255);
  }
  BlockScales scales;
  scales.d = f32_to_f16(d);
  write_block(GgmlType::kQ8_0, codes, scales, to);
}

/// The nearest E2M1 value, the lower code where two are as near.
std::uint8_t nearest_e2m1(float value, float scale) {
  int best = 0;
  float best_error = std::abs(value);
  for (int code = 1; code < 16; ++code) {
    const float error = std::abs(static_cast<float>(kE2m1Doubled[code]) * scale - value);
    if (error < best_error) {
      best = code;
      best_error = error;
    }
  }
  return static_cast<std::uint8_t>(best);
}

void mxfp4_block(const float* values, std::byte* to) {
  const float largest = std::abs(farthest(values));
  int exponent = 0;
  if (largest > 0.0f) {
    exponent = static_cast<int>(std::floor(std::log2(largest))) - 2 + 127;
  }
  BlockScales scales;
  scales.d = static_cast<std::uint16_t>(std::clamp(exponent, 0, 254));
  const float scale = 0.5f * e8m0_to_f32(static_cast<std::uint8_t>(scales.d));
  std::uint8_t codes[kBlock];
  for (int i = 0; i < kBlock; ++i) codes[i] = nearest_e2m1(values[i], scale);
  write_block(GgmlType::kMXFP4, codes, scales, to);
}

void quantize_block(GgmlType type, const float* values, std::byte* to) {
  switch (type) {
    case GgmlType::kQ4_0:
    case GgmlType::kQ5_0:
      return symmetric_block(type, values, to);
    case GgmlType::kQ4_1:
    case GgmlType::kQ5_1:
      return offset_block(type, values, to);
    case GgmlType::kQ8_0:
      return q8_0_block(values, to);
    case GgmlType::kMXFP4:
      return mxfp4_block(values, to);
    default:
      return quantize_searched_block(type, values, to);
  }
}

}  // namespace

void quantize_block_row(GgmlType type, const float* row, std::int64_t inputs, std::byte* to) {
  const GgmlTraits traits = ggml_traits(type);
  for (std::int64_t i = 0; i < inputs; i += traits.elements, to += traits.bytes) {
    quantize_block(type, row + i, to);
  }
}

}  // namespace saccade
