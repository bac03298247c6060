#include "compute/gpu/weight_pack.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "tensor/dequantize.h"
#include "tensor/ggml_blocks.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::kChunk;
using saccade::gpu::kQuads;
using Kind = WeightFormat::Kind;

constexpr std::int64_t kAlignment = 256;

/// Where the packed forms of one row go; null for arrays that the segment does not have.
struct PackedRow {
  std::array<std::uint8_t*, kWeightArrays> arrays;
  bool scales;  ///< this row's scales are written too

  std::uint8_t* at(WeightArray name) const { return arrays[static_cast<std::size_t>(name)]; }
};

/// A row of a part.
struct SourceRow {
  const HostMatrix* matrix;
  std::int64_t index;

  const std::byte* data() const { return matrix->data + index * matrix->row_bytes(); }
  /// Its first scale.
  std::int64_t first_scale() const {
    const std::int64_t rows = matrix->format.group_rows;
    return (rows > 0 ? index / rows : index) * matrix->groups();
  }
};

SourceRow source_row(const SegmentLayout& segment, std::int64_t row) {
  for (const HostMatrix& part : segment.parts) {
    if (row < part.outputs) return {&part, row};
    row -= part.outputs;
  }
  fail("[pack] row {} is not in the segment", row);
}

/// Bits [shift, shift + kWidth) of a chunk's codes as a plane: word h holds quads h, h + kWidth,
/// ... in the fields of its bytes.
template <int kWidth>
void pack_plane(std::uint8_t* to, const std::array<std::uint32_t, kQuads>& quads, int shift) {
  constexpr std::uint32_t kMask = ((1u << kWidth) - 1u) * 0x01010101u;
  for (int h = 0; h < kWidth; ++h) {
    std::uint32_t word = 0;
    for (int q = h, field = 0; q < static_cast<int>(kQuads); q += kWidth, field += kWidth) {
      word |= (quads[q] >> shift & kMask) << field;
    }
    std::memcpy(to + 4 * h, &word, sizeof word);
  }
}

void pack_chunk(const PackedRow& to, CodeKind kind, std::int64_t chunk, const std::uint8_t* codes) {
  std::uint8_t* low = to.at(WeightArray::kLow);
  std::uint8_t* high = to.at(WeightArray::kHigh);
  std::array<std::uint32_t, kQuads> quads;
  std::memcpy(quads.data(), codes, sizeof quads);
  switch (kind) {
    case CodeKind::kInt3:
      pack_plane<1>(high + 4 * chunk, quads, 2);
      [[fallthrough]];
    case CodeKind::kInt2:
      return pack_plane<2>(low + 8 * chunk, quads, 0);
    case CodeKind::kInt5:
      pack_plane<1>(high + 4 * chunk, quads, 4);
      return pack_plane<4>(low + 16 * chunk, quads, 0);
    case CodeKind::kInt6:
      pack_plane<2>(high + 8 * chunk, quads, 4);
      [[fallthrough]];
    case CodeKind::kInt4:
    case CodeKind::kTable4:
      return pack_plane<4>(low + 16 * chunk, quads, 0);
    default:
      std::memcpy(low + 16 * chunk, codes, 16);
      std::memcpy(high + 16 * chunk, codes + 16, 16);
  }
}

/// Codes of `count` (at most 32) inputs from a stream of bits; the others are zeros.
void read_codes(const std::byte* row, int bits, std::int64_t first, std::int64_t count,
                std::uint8_t* codes) {
  const std::byte* from = row + first * bits / 8;  // 32 codes are whole bytes
  std::memset(codes, 0, kChunk);
  if (bits == 8) {
    std::memcpy(codes, from, static_cast<std::size_t>(count));
    return;
  }
  const unsigned mask = (1u << bits) - 1u;
  unsigned window = 0;
  int filled = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if (filled < bits) {
      window |= static_cast<unsigned>(*from++) << filled;
      filled += 8;
    }
    codes[i] = static_cast<std::uint8_t>(window & mask);
    window >>= bits;
    filled -= bits;
  }
}

void put_half(std::uint8_t* to, std::uint16_t bits) {
  std::memcpy(to, &bits, sizeof bits);
}

/// The two six-bit scales of chunk c as kParts16Six keeps them.
void put_six_bit_parts(const PackedRow& to, std::int64_t block, const BlockScales& scales) {
  std::uint32_t high = 0;
  for (int c = 0; c < 8; ++c) {
    const int first = scales.scale[2 * c] + 32;
    const int second = scales.scale[2 * c + 1] + 32;
    to.at(WeightArray::kParts)[8 * block + c] =
        static_cast<std::uint8_t>((first & 15) | (second & 15) << 4);
    high |= static_cast<std::uint32_t>(first >> 4 | second >> 4 << 2) << (4 * c);
  }
  std::memcpy(to.at(WeightArray::kPartsHigh) + 4 * block, &high, sizeof high);
}

void put_block_scales(const PackedRow& to, ScaleKind kind, std::int64_t block,
                      const BlockScales& scales) {
  std::uint8_t* record = to.at(WeightArray::kScales);
  std::uint8_t* parts = to.at(WeightArray::kParts);
  const auto byte = [](int value) { return static_cast<std::uint8_t>(value); };
  switch (kind) {
    case ScaleKind::kE8m0:
      record[block] = byte(scales.d);
      return;
    case ScaleKind::kScaleOffset:
    case ScaleKind::kParts8Min:
    case ScaleKind::kParts16Min:
      put_half(record + 4 * block, scales.d);
      put_half(record + 4 * block + 2, scales.m);
      break;
    default:
      put_half(record + 2 * block, scales.d);
  }
  switch (kind) {
    case ScaleKind::kParts8:
      for (int p = 0; p < 8; ++p) parts[8 * block + p] = byte(scales.scale[p]);
      return;
    case ScaleKind::kParts8Min:
      for (int p = 0; p < 8; ++p) {
        parts[2 * (8 * block + p)] = byte(scales.scale[p]);
        parts[2 * (8 * block + p) + 1] = byte(scales.min[p]);
      }
      return;
    case ScaleKind::kParts16:
      for (int p = 0; p < 16; ++p) parts[16 * block + p] = byte(scales.scale[p]);
      return;
    case ScaleKind::kParts16Min:
      for (int p = 0; p < 16; ++p) {
        parts[16 * block + p] = byte(scales.scale[p] | scales.min[p] << 4);
      }
      return;
    case ScaleKind::kParts16Six:
      return put_six_bit_parts(to, block, scales);
    default:
      return;
  }
}

void pack_block_row(const PackedRow& to, const WeightView& view, const SourceRow& row) {
  const GgmlType type = row.matrix->format.ggml;
  const GgmlTraits traits = ggml_traits(type);
  const std::byte* from = row.data();
  std::uint8_t codes[kMaxBlockElements];
  std::int64_t chunk = 0;
  for (std::int64_t block = 0; block * traits.elements < row.matrix->inputs; ++block) {
    read_block_codes(type, from, codes);
    put_block_scales(to, view.scale_kind, block, read_block_scales(type, from));
    for (int begin = 0; begin < traits.elements; begin += kChunk, ++chunk) {
      pack_chunk(to, view.codes, chunk, codes + begin);
    }
    from += traits.bytes;
  }
}

/// Scales that files keep apart from the codes.
void pack_scales(const PackedRow& to, const WeightView& view, const SourceRow& row) {
  const HostMatrix& matrix = *row.matrix;
  const WeightFormat& format = matrix.format;
  std::uint8_t* records = to.at(WeightArray::kScales);
  const std::int64_t first = row.first_scale();
  if (view.scale_kind == ScaleKind::kE4m3) {
    std::memset(records, 0, 2 * view.groups);
    std::memcpy(records, matrix.scales + first, static_cast<std::size_t>(matrix.groups()));
    return;
  }
  const std::int64_t number = view.scale_kind == ScaleKind::kE8m0      ? 1
                              : view.scale_kind == ScaleKind::kScale32 ? 4
                              : format.dtype == DType::kF32            ? 4
                                                                       : 2;
  for (std::int64_t i = 0; i < view.groups; ++i) {
    const std::int64_t input = view.groups == 1 ? 0 : (i << view.group_shift) * kChunk;
    const std::int64_t group = first + input / format.group_size;
    std::memcpy(records, matrix.scales + group * number, static_cast<std::size_t>(number));
    records += number;
    if (format.kind == Kind::kAffine) {
      std::memcpy(records, matrix.offsets + group * number, static_cast<std::size_t>(number));
      records += number;
    } else if (matrix.offsets) {
      // Zeros are whole numbers below 256, which all three types can hold.
      const auto zero = static_cast<float>(matrix.offsets[group]);
      const std::uint32_t bits = std::bit_cast<std::uint32_t>(zero);
      if (number == 4) std::memcpy(records, &bits, sizeof bits);
      if (number == 2) put_half(records, view.is_f16 ? f32_to_f16(zero) : f32_to_bf16(zero));
      records += number;
    }
  }
}

void pack_group_row(const PackedRow& to, const WeightView& view, const SourceRow& row) {
  const HostMatrix& matrix = *row.matrix;
  const int bits = static_cast<int>(matrix.row_bytes() * 8 / matrix.inputs);
  std::uint8_t codes[kChunk];
  for (std::int64_t chunk = 0; chunk < view.chunks; ++chunk) {
    const std::int64_t first = chunk * kChunk;
    const std::int64_t count = std::min<std::int64_t>(kChunk, matrix.inputs - first);
    read_codes(row.data(), bits, first, count, codes);
    if (matrix.format.kind == Kind::kFp8) {  // MLX's own have no codes for what is not a number
      for (const std::uint8_t code : codes) {
        if ((code & 0x7f) == 0x7f) fail("[pack] an fp8 weight is not a number");
      }
    }
    pack_chunk(to, view.codes, chunk, codes);
  }
  if (to.scales) pack_scales(to, view, row);
}

/// bf16 as f16. Weights are far from f16's largest number; those below its smallest normal one,
/// 6e-5, keep the bits down to 6e-8, which is nothing beside the others of a row.
std::uint16_t half_of(std::uint16_t bits) {
  constexpr std::uint32_t kSmallest = 113 << 7;  // 2^-14
  constexpr std::uint32_t kEnd = 143 << 7;       // 2^16
  const std::uint32_t magnitude = bits & 0x7fffu;
  if (magnitude >= kSmallest && magnitude < kEnd) {
    // The same number: another bias, and three zeros behind the fraction.
    return static_cast<std::uint16_t>((bits & 0x8000u) | (magnitude - (112 << 7)) << 3);
  }
  constexpr float kLargest = 65504.0f;
  const float value = bf16_to_f32(bits);
  return f32_to_f16(std::isnan(value) ? value : std::clamp(value, -kLargest, kLargest));
}

void pack_halves(std::uint8_t* to, const std::byte* from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, from + 2 * i, sizeof bits);
    bits = half_of(bits);
    std::memcpy(to + 2 * i, &bits, sizeof bits);
  }
}

void pack_float_row(const PackedRow& to, const SourceRow& row, CodeKind codes,
                    std::int64_t padded_bytes) {
  const std::int64_t bytes = row.matrix->row_bytes();
  if (row.matrix->format.dtype == DType::kBF16 && codes == CodeKind::kF16) {
    pack_halves(to.at(WeightArray::kLow), row.data(), row.matrix->inputs);
  } else {
    std::memcpy(to.at(WeightArray::kLow), row.data(), static_cast<std::size_t>(bytes));
  }
  std::memset(to.at(WeightArray::kLow) + bytes, 0, static_cast<std::size_t>(padded_bytes - bytes));
}

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::int64_t order_bytes(const SegmentLayout& segment) {
  return segment.parts[0].input_order ? segment.inputs * 4 : 0;
}

}  // namespace

std::int64_t staging_bytes(const SegmentLayout& segment, std::int64_t rows) {
  std::int64_t bytes = aligned(order_bytes(segment));
  for (const ArrayLayout& array : segment.arrays) bytes += aligned(array.bytes(rows));
  return bytes;
}

std::int64_t rows_in_staging(const SegmentLayout& segment, std::int64_t bytes) {
  const std::int64_t step = segment.row_alignment();
  const std::int64_t shared = aligned(order_bytes(segment)) + kWeightArrays * kAlignment;
  std::int64_t step_bytes = 0;
  for (const ArrayLayout& array : segment.arrays) step_bytes += array.bytes(step);
  const std::int64_t steps = std::max<std::int64_t>(1, (bytes - shared) / step_bytes);
  return std::min(steps * step, segment.outputs);
}

std::vector<WeightCopy> pack_rows(const SegmentLayout& segment, std::int64_t first,
                                  std::int64_t rows, std::byte* staging, ThreadPool& threads) {
  const std::int64_t step = segment.row_alignment();
  if (first < 0 || rows < 1 || first + rows > segment.outputs || first % step != 0 ||
      (rows % step != 0 && first + rows != segment.outputs)) {
    fail("[pack] rows {} to {} of {} are no block of rows", first, first + rows, segment.outputs);
  }
  std::vector<WeightCopy> copies;
  std::array<std::int64_t, kWeightArrays> starts;
  std::int64_t end = 0;
  for (std::size_t i = 0; i < kWeightArrays; ++i) {
    const ArrayLayout& array = segment.arrays[i];
    starts[i] = end;
    const std::int64_t bytes = array.bytes(rows);
    if (bytes > 0) copies.push_back({end, array.offset + array.bytes(first), bytes});
    end += aligned(bytes);
  }
  if (const std::int32_t* order = segment.parts[0].input_order; order && first == 0) {
    std::memcpy(staging + end, order, static_cast<std::size_t>(order_bytes(segment)));
    copies.push_back({end, segment.order_offset, order_bytes(segment)});
  }
  auto* base = reinterpret_cast<std::uint8_t*>(staging);
  threads.parallel_for(rows, [&](std::int64_t r) {
    PackedRow to{.arrays = {}, .scales = r % step == 0};
    for (std::size_t i = 0; i < kWeightArrays; ++i) {
      const ArrayLayout& array = segment.arrays[i];
      if (array.row_bytes > 0) {
        to.arrays[i] = base + starts[i] + (r >> array.row_shift) * array.row_bytes;
      }
    }
    const SourceRow row = source_row(segment, first + r);
    switch (row.matrix->format.kind) {
      case Kind::kFloat:
        return pack_float_row(to, row, segment.view.codes,
                              segment.array(WeightArray::kLow).row_bytes);
      case Kind::kGgml:
        return pack_block_row(to, segment.view, row);
      default:
        return pack_group_row(to, segment.view, row);
    }
  });
  return copies;
}

}  // namespace saccade::compute::gpu
