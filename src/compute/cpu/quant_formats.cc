#include "compute/cpu/quant_formats.h"

#include <span>

#include "base/error.h"
#include "compute/cpu/kernels/kernels.h"
#include "tensor/ggml_blocks.h"

namespace saccade::compute::cpu {
namespace {

using Kind = WeightFormat::Kind;

// Codes of IQ4_NL and E2M1 are signed; the kernels' are not.
constexpr int kIq4Zero = 128;
constexpr int kE2m1Zero = 12;

void set_table(QuantLayout& layout, std::span<const std::int8_t, 16> values, int zero) {
  layout.table = true;
  layout.zero = zero;
  for (int i = 0; i < 16; ++i) layout.values[i] = static_cast<std::uint8_t>(values[i] + zero);
}

QuantLayout block_layout(GgmlType type) {
  const BlockShape& shape = block_shape(type);
  QuantLayout layout{.bits = shape.bits, .zero = shape.zero};
  layout.group = ggml_traits(type).elements;
  switch (type) {
    case GgmlType::kQ4_1:
    case GgmlType::kQ5_1:
      layout.scales = ScaleKind::kScaleOffset;
      break;
    case GgmlType::kQ4_K:
    case GgmlType::kQ5_K:
      layout.scales = ScaleKind::kParts8Min;
      break;
    case GgmlType::kQ2_K:
      layout.scales = ScaleKind::kParts16Min;
      break;
    case GgmlType::kQ3_K:
      layout.scales = ScaleKind::kParts16Six;
      break;
    case GgmlType::kQ6_K:
      layout.scales = ScaleKind::kParts16;
      break;
    case GgmlType::kIQ4_XS:
      layout.scales = ScaleKind::kParts8;
      set_table(layout, kIq4Values, kIq4Zero);
      break;
    case GgmlType::kIQ4_NL:
      set_table(layout, kIq4Values, kIq4Zero);
      break;
    case GgmlType::kMXFP4:
      layout.scales = ScaleKind::kE8m0;
      layout.factor = 0.5f;
      set_table(layout, kE2m1Doubled, kE2m1Zero);
      break;
    default:
      break;
  }
  return layout;
}

ScaleType scale_type(DType dtype) {
  return dtype == DType::kF32   ? ScaleType::kF32
         : dtype == DType::kF16 ? ScaleType::kF16
                                : ScaleType::kBF16;
}

}  // namespace

QuantLayout quant_layout(const HostMatrix& matrix) {
  const WeightFormat& format = matrix.format;
  QuantLayout layout{.bits = format.bits, .group = format.group_size};
  layout.scale_type = scale_type(format.dtype);
  switch (format.kind) {
    case Kind::kGgml:
      return block_layout(format.ggml);
    case Kind::kAffine:
      layout.scales = ScaleKind::kScaleOffset;
      break;
    case Kind::kZeroPoint:
      layout.scales = matrix.offsets ? ScaleKind::kScaleZero : ScaleKind::kScale;
      if (!matrix.offsets) layout.zero = 1 << (format.bits - 1);
      break;
    case Kind::kMxfp4:
    case Kind::kNvfp4:
      layout.bits = 4;
      layout.scales = format.kind == Kind::kMxfp4 ? ScaleKind::kE8m0 : ScaleKind::kE4m3;
      layout.factor = 0.5f * matrix.global_scale;
      set_table(layout, kE2m1Doubled, kE2m1Zero);
      break;
    case Kind::kMxfp8:
      layout.bits = 8;
      layout.e4m3 = true;
      layout.factor = kE4m3Factor;
      layout.scales = ScaleKind::kE8m0;
      break;
    case Kind::kFp8:
      layout.bits = 8;
      layout.e4m3 = true;
      layout.factor = kE4m3Factor;
      // Where a block of rows covers whole panels, one number is enough for a panel.
      layout.scales = format.group_rows % kPanel == 0 || format.group_rows >= matrix.outputs
                          ? ScaleKind::kPanelScale
                          : ScaleKind::kScale;
      layout.scale_type = ScaleType::kF32;
      break;
    case Kind::kFloat:
      fail("[pack] {} is no quantized format", format.name());
  }
  const bool grouped = layout.group % kChunk == 0 || layout.group == kChunk / 2;
  const bool loose = layout.group >= matrix.inputs;  // one group a row
  if (!loose && !grouped) {
    fail("[pack] {} with groups of {} has no kernels; groups of 16 and multiples of 32 have",
         format.name(), layout.group);
  }
  return layout;
}

}  // namespace saccade::compute::cpu
