#include "nn/round_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "tensor/dequantize.h"

namespace saccade::nn {
namespace {

// Rows of a work item.
constexpr std::int64_t kRows = 16;
constexpr std::int64_t kSmallestGroup = 32;
constexpr float kLargestCode = 127.0f;
// Adding it leaves a float no digits behind the point: its last bits are the rounded number.
constexpr float kRounding = 0x1.8p23f;

/// A row as float32. Plain loops that the compiler turns into vectors; float_at() takes ten times
/// as long, and a tower has hundreds of millions of weights.
void widen_row(const HostMatrix& matrix, std::int64_t row, float* to) {
  const std::int64_t count = matrix.inputs;
  const DType dtype = matrix.format.dtype;
  if (dtype == DType::kF32) {
    std::memcpy(to, matrix.data + row * count * 4, count * 4);
    return;
  }
  const std::byte* from = matrix.data + row * count * 2;
  if (dtype == DType::kBF16) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::uint16_t bits;
      std::memcpy(&bits, from + 2 * i, 2);
      to[i] = std::bit_cast<float>(std::uint32_t{bits} << 16);
    }
    return;
  }
  // The exponents of float16 and float32 differ by 112, for subnormal numbers too.
  std::uint32_t largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, from + 2 * i, 2);
    const std::uint32_t magnitude = bits & 0x7fffu;
    largest = std::max(largest, magnitude);
    const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
    to[i] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) |
                                 (std::uint32_t{bits} & 0x8000u) << 16);
  }
  if (largest >= 0x7c00u) dequantize_row(matrix, row, to);  // infinite, or not a number
}

/// A group: codes of the largest magnitude's 127th part, rounded to nearest, and 128 added. Returns
/// the scale.
std::uint16_t round_group(std::span<const float> values, std::byte* codes) {
  float largest = 0.0f;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  const float inverse = largest > 0.0f ? kLargestCode / largest : 0.0f;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i] * inverse + kRounding);
    codes[i] = static_cast<std::byte>((bits & 0xffu) ^ 0x80u);
  }
  return f32_to_f16(largest / kLargestCode);
}

struct RoundedWeights {
  std::vector<std::byte> codes;
  std::vector<std::uint16_t> scales;
};

}  // namespace

std::int64_t rounded_group(std::int64_t inputs) {
  const std::int64_t group = std::min(inputs & -inputs, kRoundedGroup);
  return group < kSmallestGroup ? 0 : group;
}

HostMatrix round_to_int8(const HostMatrix& matrix, std::int64_t padded_outputs,
                         std::int64_t padded_inputs, ThreadPool& threads) {
  const std::int64_t group = rounded_group(padded_inputs);
  const std::int64_t groups = padded_inputs / group;
  // Scales of zero where there are no rows.
  auto rounded = std::make_shared<RoundedWeights>();
  rounded->codes.resize(padded_outputs * padded_inputs);
  rounded->scales.resize(padded_outputs * groups);
  threads.parallel_for((matrix.outputs + kRows - 1) / kRows, [&](std::int64_t item) {
    std::vector<float> values(padded_inputs, 0.0f);
    const std::int64_t end = std::min(matrix.outputs, (item + 1) * kRows);
    for (std::int64_t row = item * kRows; row < end; ++row) {
      widen_row(matrix, row, values.data());
      for (std::int64_t g = 0; g < groups; ++g) {
        const std::span<const float> part(&values[g * group], group);
        rounded->scales[row * groups + g] =
            round_group(part, &rounded->codes[row * padded_inputs + g * group]);
      }
    }
  });
  HostMatrix result{{.kind = WeightFormat::Kind::kZeroPoint,
                     .dtype = DType::kF16,
                     .bits = 8,
                     .group_size = group},
                    padded_outputs,
                    padded_inputs};
  result.data = rounded->codes.data();
  result.scales = reinterpret_cast<const std::byte*>(rounded->scales.data());
  result.storage = std::move(rounded);
  return result;
}

HostMatrix fill_up(const HostMatrix& matrix, std::int64_t padded_outputs,
                   std::int64_t padded_inputs) {
  const auto width = static_cast<std::int64_t>(dtype_bytes(matrix.format.dtype));
  const std::int64_t row_bytes = matrix.inputs * width;
  auto bytes = std::make_shared<std::vector<std::byte>>(padded_outputs * padded_inputs * width);
  for (std::int64_t row = 0; row < matrix.outputs; ++row) {
    std::memcpy(bytes->data() + row * padded_inputs * width, matrix.data + row * row_bytes,
                row_bytes);
  }
  HostMatrix result{matrix.format, padded_outputs, padded_inputs};
  result.data = bytes->data();
  result.storage = std::move(bytes);
  return result;
}

}  // namespace saccade::nn
