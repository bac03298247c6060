#include "convert/recode.h"

#include <cstring>

#include "tensor/dequantize.h"
#include "tensor/ggml_blocks.h"

namespace saccade::conversion {
namespace {

using Kind = WeightFormat::Kind;

std::vector<std::byte> copied(const std::byte* from, std::int64_t bytes) {
  return {from, from + bytes};
}

std::int64_t bytes_of(DType dtype) {
  return static_cast<std::int64_t>(dtype_bytes(dtype));
}

/// scale * (code - zero) as scale * code + offset: the codes lie as they are.
QuantizedRows from_zero_points(const HostMatrix& matrix, std::int64_t first, std::int64_t count) {
  const DType dtype = matrix.format.dtype;
  const std::int64_t begin = first * matrix.groups();
  const std::int64_t groups = count * matrix.groups();
  QuantizedRows rows;
  rows.data = copied(matrix.data + first * matrix.row_bytes(), count * matrix.row_bytes());
  rows.scales = copied(matrix.scales + begin * bytes_of(dtype), groups * bytes_of(dtype));
  rows.offsets.resize(rows.scales.size());
  for (std::int64_t g = 0; g < groups; ++g) {
    const int zero = matrix.offsets ? static_cast<int>(matrix.offsets[begin + g])
                                    : 1 << (matrix.format.bits - 1);
    const float offset = -static_cast<float>(zero) * float_at(matrix.scales, dtype, begin + g);
    store_floats(&offset, 1, dtype, rows.offsets.data() + g * bytes_of(dtype));
  }
  return rows;
}

/// Codes of 4, 5 or 8 bits as one stream of bits.
void pack(const std::uint8_t* codes, int count, int bits, std::byte* to) {
  unsigned window = 0;
  int filled = 0;
  for (int i = 0; i < count; ++i) {
    window |= static_cast<unsigned>(codes[i]) << filled;
    filled += bits;
    for (; filled >= 8; filled -= 8, window >>= 8) *to++ = static_cast<std::byte>(window);
  }
}

/// Blocks of one scale: affine groups with f16 scales, or mxfp4.
QuantizedRows from_blocks(const HostMatrix& matrix, std::int64_t first, std::int64_t count,
                          const WeightFormat& format) {
  const GgmlType type = matrix.format.ggml;
  const GgmlTraits traits = ggml_traits(type);
  const BlockShape& shape = block_shape(type);
  const std::int64_t blocks = count * matrix.inputs / traits.elements;
  const bool affine = format.kind == Kind::kAffine;
  const std::int64_t packed = traits.elements * format.bits / 8;
  QuantizedRows rows;
  rows.data.resize(blocks * packed);
  rows.scales.resize(blocks * (affine ? 2 : 1));
  if (affine) rows.offsets.resize(blocks * 2);
  const std::byte* block = matrix.data + first * matrix.row_bytes();
  std::uint8_t codes[kMaxBlockElements];
  for (std::int64_t b = 0; b < blocks; ++b, block += traits.bytes) {
    read_block_codes(type, block, codes);
    const BlockScales scales = read_block_scales(type, block);
    pack(codes, traits.elements, format.bits, rows.data.data() + b * packed);
    if (!affine) {
      rows.scales[b] = static_cast<std::byte>(scales.d);
      continue;
    }
    std::memcpy(rows.scales.data() + 2 * b, &scales.d, 2);
    const std::uint16_t offset =
        shape.has_min ? scales.m
                      : f32_to_f16(-static_cast<float>(shape.zero) * f16_to_f32(scales.d));
    std::memcpy(rows.offsets.data() + 2 * b, &offset, 2);
  }
  return rows;
}

}  // namespace

QuantizedRows recode_rows(const HostMatrix& matrix, std::int64_t first, std::int64_t count,
                          const WeightFormat& format) {
  if (matrix.format.kind == Kind::kZeroPoint) return from_zero_points(matrix, first, count);
  if (matrix.format.kind == Kind::kGgml && format.kind != Kind::kGgml) {
    return from_blocks(matrix, first, count, format);
  }
  const std::int64_t scale = format.kind == Kind::kAffine ? bytes_of(format.dtype) : 1;
  const std::int64_t begin = first * matrix.groups() * scale;
  const std::int64_t bytes = count * matrix.groups() * scale;
  QuantizedRows rows;
  rows.data = copied(matrix.data + first * matrix.row_bytes(), count * matrix.row_bytes());
  if (matrix.scales) rows.scales = copied(matrix.scales + begin, bytes);
  if (matrix.offsets) rows.offsets = copied(matrix.offsets + begin, bytes);
  return rows;
}

}  // namespace saccade::conversion
