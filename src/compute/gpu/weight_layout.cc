#include "compute/gpu/weight_layout.h"

#include <bit>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "tensor/ggml_blocks.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::kChunk;
using Kind = WeightFormat::Kind;

constexpr std::int64_t kAlignment = 256;
/// Kernels leave this out of E4M3 numbers: see e4m3 in unpack.h.
constexpr float kE4m3Factor = 256.0f;
/// One group a row.
constexpr std::uint32_t kWholeRow = 31;

std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

void set_table(WeightView& view, std::span<const std::int8_t, 16> values, float factor) {
  view.codes = CodeKind::kTable4;
  view.factor = factor;
  std::memcpy(view.table, values.data(), sizeof view.table);
}

CodeKind integer_codes(const WeightFormat& format, int bits) {
  switch (bits) {
    case 2:
      return CodeKind::kInt2;
    case 3:
      return CodeKind::kInt3;
    case 4:
      return CodeKind::kInt4;
    case 5:
      return CodeKind::kInt5;
    case 6:
      return CodeKind::kInt6;
    case 8:
      return CodeKind::kInt8;
    default:
      fail("[pack] {} has no GPU kernels: codes of 2 to 6 and 8 bits have", format.name());
  }
}

void set_block_codes(WeightView& view, const WeightFormat& format) {
  const BlockShape& shape = block_shape(format.ggml);
  view.is_f16 = true;
  view.zero = shape.zero;
  if (format.ggml == GgmlType::kMXFP4) {
    set_table(view, kE2m1Doubled, 0.5f);
  } else if (shape.table) {
    set_table(view, kIq4Values, 1.0f);
  } else {
    view.codes = integer_codes(format, shape.bits);
  }
}

ScaleKind block_scales(GgmlType type) {
  switch (type) {
    case GgmlType::kQ4_1:
    case GgmlType::kQ5_1:
      return ScaleKind::kScaleOffset;
    case GgmlType::kQ4_K:
    case GgmlType::kQ5_K:
      return ScaleKind::kParts8Min;
    case GgmlType::kQ2_K:
      return ScaleKind::kParts16Min;
    case GgmlType::kQ3_K:
      return ScaleKind::kParts16Six;
    case GgmlType::kQ6_K:
      return ScaleKind::kParts16;
    case GgmlType::kIQ4_XS:
      return ScaleKind::kParts8;
    case GgmlType::kMXFP4:
      return ScaleKind::kE8m0;
    default:
      return ScaleKind::kScale;
  }
}

void set_number(WeightView& view, DType dtype, ScaleKind sixteen_bits, ScaleKind f32) {
  view.scale_kind = dtype == DType::kF32 ? f32 : sixteen_bits;
  view.is_f16 = dtype == DType::kF16;
}

void set_codes_and_scales(WeightView& view, const HostMatrix& matrix, bool halves) {
  const WeightFormat& format = matrix.format;
  switch (format.kind) {
    case Kind::kFloat:
      view.scale_kind = ScaleKind::kNone;
      if (format.dtype != DType::kF32 && format.dtype != DType::kF16 &&
          format.dtype != DType::kBF16) {
        fail("[pack] weights of type {} have no GPU kernels; f32, f16 and bf16 have",
             format.name());
      }
      view.codes = format.dtype == DType::kF32             ? CodeKind::kF32
                   : format.dtype == DType::kF16 || halves ? CodeKind::kF16
                                                           : CodeKind::kBf16;
      return;
    case Kind::kGgml:
      set_block_codes(view, format);
      view.scale_kind = block_scales(format.ggml);
      return;
    case Kind::kAffine:
      view.codes = integer_codes(format, format.bits);
      return set_number(view, format.dtype, ScaleKind::kScaleOffset, ScaleKind::kScaleOffset32);
    case Kind::kZeroPoint:
      view.codes = integer_codes(format, format.bits);
      if (matrix.offsets) {
        return set_number(view, format.dtype, ScaleKind::kScaleZero, ScaleKind::kScaleZero32);
      }
      view.zero = 1 << (format.bits - 1);
      return set_number(view, format.dtype, ScaleKind::kScale, ScaleKind::kScale32);
    case Kind::kMxfp4:
      set_table(view, kE2m1Doubled, 0.5f);
      view.scale_kind = ScaleKind::kE8m0;
      return;
    case Kind::kNvfp4:
      set_table(view, kE2m1Doubled, 0.5f * matrix.global_scale * kE4m3Factor);
      view.scale_kind = ScaleKind::kE4m3;
      return;
    case Kind::kMxfp8:
      view.codes = CodeKind::kE4m3;
      view.factor = kE4m3Factor;
      view.scale_kind = ScaleKind::kE8m0;
      return;
    case Kind::kFp8:
      view.codes = CodeKind::kE4m3;
      view.factor = kE4m3Factor;
      view.scale_kind = ScaleKind::kScale32;
      return;
  }
}

/// Inputs that share a scale record.
std::int64_t group_inputs(const WeightFormat& format) {
  return format.kind == Kind::kGgml ? ggml_traits(format.ggml).elements : format.group_size;
}

void set_groups(WeightView& view, const HostMatrix& matrix) {
  const WeightFormat& format = matrix.format;
  const std::int64_t group = group_inputs(format);
  view.chunks = static_cast<std::uint32_t>((matrix.inputs + kChunk - 1) / kChunk);
  view.groups = view.chunks;
  if (format.kind == Kind::kNvfp4 && group == kChunk / 2) return;  // a record has two scales
  if (group >= matrix.inputs && format.kind != Kind::kGgml) {
    view.group_shift = kWholeRow;
    view.groups = 1;
    return;
  }
  if (group % kChunk != 0 || format.kind == Kind::kNvfp4) {
    fail("[pack] {} with groups of {} has no GPU kernels; multiples of {} have", format.name(),
         group, format.kind == Kind::kNvfp4 ? kChunk / 2 : kChunk);
  }
  // Groups that are no power of two are repeated as often as it takes.
  view.group_shift =
      static_cast<std::uint32_t>(std::countr_zero(static_cast<std::uint64_t>(group / kChunk)));
  view.groups = ((view.chunks - 1) >> view.group_shift) + 1;
}

/// Rows share scales on the GPU too; otherwise each row has its own.
bool rows_share(const HostMatrix& matrix) {
  const std::int64_t rows = matrix.format.group_rows;
  return rows > 1 && matrix.groups() > 1 && std::has_single_bit(static_cast<std::uint64_t>(rows));
}

std::int64_t record_bytes(ScaleKind kind) {
  switch (kind) {
    case ScaleKind::kNone:
      return 0;
    case ScaleKind::kE8m0:
      return 1;
    case ScaleKind::kScaleOffset:
    case ScaleKind::kScaleZero:
    case ScaleKind::kScale32:
    case ScaleKind::kParts8Min:
    case ScaleKind::kParts16Min:
      return 4;
    case ScaleKind::kScaleOffset32:
    case ScaleKind::kScaleZero32:
      return 8;
    default:
      return 2;
  }
}

/// Of array `parts`, for each chunk.
std::int64_t part_bytes(ScaleKind kind) {
  switch (kind) {
    case ScaleKind::kParts8:
    case ScaleKind::kParts16Six:
      return 1;
    case ScaleKind::kParts8Min:
    case ScaleKind::kParts16:
    case ScaleKind::kParts16Min:
      return 2;
    default:
      return 0;
  }
}

struct PlaneBytes {
  std::int64_t low;
  std::int64_t high;
};

/// Of a chunk.
PlaneBytes plane_bytes(CodeKind codes) {
  switch (codes) {
    case CodeKind::kInt2:
      return {8, 0};
    case CodeKind::kInt3:
      return {8, 4};
    case CodeKind::kInt4:
    case CodeKind::kTable4:
      return {16, 0};
    case CodeKind::kInt5:
      return {16, 4};
    case CodeKind::kInt6:
      return {16, 8};
    default:
      return {16, 16};
  }
}

void set_arrays(SegmentLayout& segment) {
  WeightView& view = segment.view;
  auto& arrays = segment.arrays;
  const auto row_bytes = [&](WeightArray name) -> std::int64_t& {
    return arrays[static_cast<std::size_t>(name)].row_bytes;
  };
  if (view.scale_kind == ScaleKind::kNone) {
    const std::int64_t number = view.codes == CodeKind::kF32 ? 4 : 2;
    view.stride = static_cast<std::uint32_t>(round_up(segment.inputs, 16 / number));
    row_bytes(WeightArray::kLow) = view.stride * number;
  } else {
    const PlaneBytes planes = plane_bytes(view.codes);
    row_bytes(WeightArray::kLow) = view.chunks * planes.low;
    row_bytes(WeightArray::kHigh) = view.chunks * planes.high;
    row_bytes(WeightArray::kScales) = view.groups * record_bytes(view.scale_kind);
    row_bytes(WeightArray::kParts) = view.chunks * part_bytes(view.scale_kind);
    if (view.scale_kind == ScaleKind::kParts16Six) {
      row_bytes(WeightArray::kPartsHigh) = view.groups * 4;
    }
  }
  arrays[static_cast<std::size_t>(WeightArray::kScales)].row_shift =
      static_cast<int>(view.row_shift);
  std::int64_t end = 0;
  for (ArrayLayout& array : arrays) {
    array.offset = end;
    end = round_up(end + array.bytes(segment.outputs), kAlignment);
  }
  segment.order_offset = end;
  if (segment.parts[0].input_order) end += segment.inputs * 4;
  segment.bytes = round_up(end, kAlignment);
}

/// Whether `next` can follow the `outputs` outputs of a segment that `first` begins.
bool fits(const HostMatrix& first, std::int64_t outputs, const HostMatrix& next) {
  return first.format == next.format && first.global_scale == next.global_scale &&
         (first.offsets == nullptr) == (next.offsets == nullptr) && !first.input_order &&
         !next.input_order && (!rows_share(first) || outputs % first.format.group_rows == 0);
}

}  // namespace

std::vector<SegmentLayout> weight_layout(std::span<const HostMatrix> parts, bool halves) {
  std::vector<SegmentLayout> segments;
  for (const HostMatrix& part : parts) {
    if (part.inputs != parts[0].inputs) {
      fail("[pack] cannot stack [{}, {}] and [{}, {}]", parts[0].outputs, parts[0].inputs,
           part.outputs, part.inputs);
    }
    if (segments.empty() || !fits(segments.back().parts[0], segments.back().outputs, part)) {
      const std::int64_t first =
          segments.empty() ? 0 : segments.back().first + segments.back().outputs;
      segments.push_back({.first = first, .inputs = part.inputs});
    }
    segments.back().outputs += part.outputs;
    segments.back().parts.push_back(part);
  }
  for (SegmentLayout& segment : segments) {
    const HostMatrix& matrix = segment.parts[0];
    WeightView& view = segment.view;
    view = WeightView{};
    view.outputs = static_cast<std::uint32_t>(segment.outputs);
    view.inputs = static_cast<std::uint32_t>(segment.inputs);
    view.factor = 1.0f;
    set_codes_and_scales(view, matrix, halves);
    if (view.scale_kind != ScaleKind::kNone) set_groups(view, matrix);
    if (rows_share(matrix)) {
      view.row_shift = static_cast<std::uint32_t>(
          std::countr_zero(static_cast<std::uint64_t>(matrix.format.group_rows)));
    }
    set_arrays(segment);
    // Kernels count chunks, or stretches of 16 bytes, in 32 bits.
    if (segment.array(WeightArray::kLow).bytes(segment.outputs) / 8 >
        std::numeric_limits<std::uint32_t>::max()) {
      fail("[pack] a matrix [{}, {}] is too large for the GPU kernels", segment.outputs,
           segment.inputs);
    }
  }
  return segments;
}

WeightView weight_view(const SegmentLayout& segment, const std::byte* memory) {
  WeightView view = segment.view;
  const auto* bytes = reinterpret_cast<const unsigned char*>(memory);
  const auto at = [&](WeightArray name) {
    const ArrayLayout& array = segment.array(name);
    return array.row_bytes > 0 ? bytes + array.offset : nullptr;
  };
  view.low = at(WeightArray::kLow);
  view.high = at(WeightArray::kHigh);
  view.scales = at(WeightArray::kScales);
  view.parts = at(WeightArray::kParts);
  view.parts_high = at(WeightArray::kPartsHigh);
  if (segment.parts[0].input_order) {
    view.input_order = reinterpret_cast<const std::int32_t*>(bytes + segment.order_offset);
  }
  return view;
}

}  // namespace saccade::compute::gpu
