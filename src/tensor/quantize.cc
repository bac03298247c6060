#include "tensor/quantize.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "tensor/quantize_blocks.h"
#include "tensor/quantize_groups.h"

namespace saccade {
namespace {

using Kind = WeightFormat::Kind;

/// Bytes of one of a row's scales, 0 where the format has none apart.
std::int64_t scale_bytes(const WeightFormat& format) {
  switch (format.kind) {
    case Kind::kAffine:
      return static_cast<std::int64_t>(dtype_bytes(format.dtype));
    case Kind::kMxfp4:
    case Kind::kMxfp8:
    case Kind::kNvfp4:
      return 1;
    default:
      return 0;
  }
}

/// Enough weights to be worth a turn on a thread.
constexpr std::int64_t kWeightsPerItem = 1 << 16;

}  // namespace

bool can_quantize(const WeightFormat& format, std::int64_t inputs) {
  if (format.kind == Kind::kFloat) return true;
  const std::int64_t unit =
      format.kind == Kind::kGgml ? ggml_traits(format.ggml).elements : format.group_size;
  return unit > 0 && inputs % unit == 0;
}

void store_floats(const float* values, std::int64_t count, DType dtype, std::byte* to) {
  if (dtype == DType::kF32) {
    std::memcpy(to, values, count * sizeof(float));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint16_t bits =
        dtype == DType::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
    std::memcpy(to + 2 * i, &bits, sizeof bits);
  }
}

QuantizedRows quantize_rows(const WeightFormat& format, const float* values, std::int64_t rows,
                            std::int64_t inputs, ThreadPool& threads) {
  if (format.kind == Kind::kZeroPoint || format.kind == Kind::kFp8) {
    fail("weights of type {} are read, but not written", format.name());
  }
  if (!can_quantize(format, inputs)) {
    fail("rows of {} weights cannot be in the type {}", inputs, format.name());
  }
  const HostMatrix shape{format, rows, inputs};
  const std::int64_t row_bytes = shape.row_bytes();
  const std::int64_t scale_row = shape.groups() * scale_bytes(format);
  QuantizedRows to;
  to.data.resize(rows * row_bytes);
  to.scales.resize(rows * scale_row);
  if (format.kind == Kind::kAffine) to.offsets.resize(rows * scale_row);
  const std::int64_t item_rows =
      std::max<std::int64_t>(1, kWeightsPerItem / std::max<std::int64_t>(1, inputs));
  threads.parallel_for((rows + item_rows - 1) / item_rows, [&](std::int64_t item) {
    const std::int64_t end = std::min(rows, (item + 1) * item_rows);
    for (std::int64_t r = item * item_rows; r < end; ++r) {
      const float* row = values + r * inputs;
      std::byte* data = to.data.data() + r * row_bytes;
      std::byte* scales = to.scales.data() + r * scale_row;
      switch (format.kind) {
        case Kind::kFloat:
          store_floats(row, inputs, format.dtype, data);
          break;
        case Kind::kGgml:
          quantize_block_row(format.ggml, row, inputs, data);
          break;
        case Kind::kAffine:
          quantize_affine_row(format, row, inputs, data, scales, to.offsets.data() + r * scale_row);
          break;
        default:
          quantize_small_float_row(format, row, inputs, data, scales);
      }
    }
  });
  return to;
}

}  // namespace saccade
