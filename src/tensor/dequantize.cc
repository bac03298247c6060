#include "tensor/dequantize.h"

#include <algorithm>
#include <cstring>

#include "tensor/ggml_blocks.h"

namespace saccade {
namespace {

using Kind = WeightFormat::Kind;

std::uint8_t byte_at(const std::byte* data, std::int64_t index) {
  return static_cast<std::uint8_t>(data[index]);
}

void dequantize_blocks(const HostMatrix& matrix, std::int64_t output, float* to) {
  const GgmlType type = matrix.format.ggml;
  const GgmlTraits traits = ggml_traits(type);
  const BlockShape& shape = block_shape(type);
  const std::byte* block = matrix.data + output * matrix.row_bytes();
  const int part_elements = traits.elements / shape.parts;
  std::uint8_t codes[kMaxBlockElements];
  for (std::int64_t begin = 0; begin < matrix.inputs; begin += traits.elements) {
    read_block_codes(type, block, codes);
    const BlockScales scales = read_block_scales(type, block);
    // The table of MXFP4 holds doubled values.
    const float d = type == GgmlType::kMXFP4
                        ? 0.5f * e8m0_to_f32(static_cast<std::uint8_t>(scales.d))
                        : f16_to_f32(scales.d);
    const float m = f16_to_f32(scales.m);
    for (int i = 0; i < traits.elements; ++i) {
      const int part = i / part_elements;
      const int value = shape.table ? shape.table[codes[i]] : codes[i] - shape.zero;
      const float scaled = d * static_cast<float>(scales.scale[part]) * static_cast<float>(value);
      const float low = shape.has_min ? m * static_cast<float>(scales.min[part]) : 0.0f;
      to[begin + i] = shape.has_min ? scaled - low : scaled;
    }
    block += traits.bytes;
  }
}

void dequantize_affine(const HostMatrix& matrix, std::int64_t output, float* to) {
  const WeightFormat& format = matrix.format;
  const std::byte* row = matrix.data + output * matrix.row_bytes();
  const std::int64_t first_group = output * matrix.groups();
  for (std::int64_t i = 0; i < matrix.inputs; ++i) {
    const std::int64_t group = first_group + i / format.group_size;
    const float scale = float_at(matrix.scales, format.dtype, group);
    const float code = packed_code(row, format.bits, i);
    to[i] = scale * code + float_at(matrix.offsets, format.dtype, group);
  }
}

void dequantize_zero_point(const HostMatrix& matrix, std::int64_t output, float* to) {
  const WeightFormat& format = matrix.format;
  const std::byte* row = matrix.data + output * matrix.row_bytes();
  const std::int64_t first_group = output * matrix.groups();
  for (std::int64_t i = 0; i < matrix.inputs; ++i) {
    const std::int64_t group = first_group + i / format.group_size;
    const int zero = matrix.offsets ? byte_at(matrix.offsets, group) : 1 << (format.bits - 1);
    const int value = packed_code(row, format.bits, i) - zero;
    to[matrix.input_order ? matrix.input_order[i] : i] =
        float_at(matrix.scales, format.dtype, group) * static_cast<float>(value);
  }
}

/// Formats of floating-point codes: mxfp4, mxfp8, nvfp4 and fp8.
void dequantize_small_floats(const HostMatrix& matrix, std::int64_t output, float* to) {
  const WeightFormat& format = matrix.format;
  const bool nibbles = format.kind == Kind::kMxfp4 || format.kind == Kind::kNvfp4;
  const std::byte* row = matrix.data + output * matrix.row_bytes();
  const std::int64_t scale_row = format.group_rows > 0 ? output / format.group_rows : output;
  const std::byte* scales = matrix.scales;
  for (std::int64_t i = 0; i < matrix.inputs; ++i) {
    const std::int64_t group = scale_row * matrix.groups() + i / format.group_size;
    float scale = 0.0f;
    if (format.kind == Kind::kFp8) {
      scale = float_at(scales, DType::kF32, group);
    } else if (format.kind == Kind::kNvfp4) {
      scale = e4m3_to_f32_as_mlx(byte_at(scales, group)) * matrix.global_scale;
    } else {
      scale = e8m0_to_f32(byte_at(scales, group));
    }
    const float value = nibbles ? 0.5f * static_cast<float>(kE2m1Doubled[packed_code(row, 4, i)])
                        : format.kind == Kind::kMxfp8 ? e4m3_to_f32_as_mlx(byte_at(row, i))
                                                      : e4m3_to_f32(byte_at(row, i));
    to[i] = value * scale;
  }
}

}  // namespace

float float_at(const std::byte* data, DType dtype, std::int64_t index) {
  if (dtype == DType::kF32) {
    float value = 0.0f;
    std::memcpy(&value, data + index * 4, sizeof value);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, data + index * 2, sizeof bits);
  return dtype == DType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
}

std::uint8_t packed_code(const std::byte* row, int bits, std::int64_t index) {
  const std::int64_t first_bit = index * bits;
  const std::int64_t byte = first_bit / 8;
  const int shift = static_cast<int>(first_bit % 8);
  unsigned window = byte_at(row, byte);
  if (shift + bits > 8) window |= static_cast<unsigned>(byte_at(row, byte + 1)) << 8;
  return static_cast<std::uint8_t>(window >> shift & ((1u << bits) - 1u));
}

void dequantize_row(const HostMatrix& matrix, std::int64_t output, float* to) {
  switch (matrix.format.kind) {
    case Kind::kFloat:
      for (std::int64_t i = 0; i < matrix.inputs; ++i) {
        to[i] = float_at(matrix.data, matrix.format.dtype, output * matrix.inputs + i);
      }
      return;
    case Kind::kGgml:
      return dequantize_blocks(matrix, output, to);
    case Kind::kAffine:
      return dequantize_affine(matrix, output, to);
    case Kind::kZeroPoint:
      return dequantize_zero_point(matrix, output, to);
    default:
      return dequantize_small_floats(matrix, output, to);
  }
}

}  // namespace saccade
