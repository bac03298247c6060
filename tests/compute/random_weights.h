// Random quantized matrices of every format.
#pragma once

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tensor/dequantize.h"
#include "tensor/weight_format.h"

namespace saccade::compute {

using Bytes = std::vector<std::byte>;

/// The memory a random matrix points into.
struct RandomParts {
  Bytes data;
  Bytes scales;
  Bytes offsets;
  std::vector<std::int32_t> order;
};

inline std::uint16_t f16_bits(std::mt19937& random) {
  // A sign, an exponent between 2^-9 and 2^-5, any mantissa.
  return static_cast<std::uint16_t>((random() & 0x83ffu) | ((6 + random() % 5) << 10));
}

inline void put_number(Bytes& bytes, DType dtype, std::mt19937& random) {
  const std::uint16_t half = f16_bits(random);
  const float value = f16_to_f32(half);
  const auto append = [&](const auto& number) {
    const auto* from = reinterpret_cast<const std::byte*>(&number);
    bytes.insert(bytes.end(), from, from + sizeof number);
  };
  if (dtype == DType::kF32) append(value);
  if (dtype == DType::kF16) append(half);
  if (dtype == DType::kBF16) {
    append(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
  }
}

/// Where the f16 numbers of a block stand.
inline std::vector<int> half_offsets(GgmlType type) {
  switch (type) {
    case GgmlType::kQ4_1:
    case GgmlType::kQ5_1:
    case GgmlType::kQ4_K:
    case GgmlType::kQ5_K:
      return {0, 2};
    case GgmlType::kQ2_K:
      return {80, 82};
    case GgmlType::kQ3_K:
      return {108};
    case GgmlType::kQ6_K:
      return {208};
    case GgmlType::kMXFP4:
      return {};
    default:
      return {0};
  }
}

inline void fill_blocks(HostMatrix& matrix, RandomParts& parts, std::mt19937& random) {
  const GgmlTraits traits = ggml_traits(matrix.format.ggml);
  for (std::byte *block = parts.data.data(), *end = block + parts.data.size(); block != end;
       block += traits.bytes) {
    for (const int offset : half_offsets(matrix.format.ggml)) {
      const std::uint16_t bits = f16_bits(random);
      std::memcpy(block + offset, &bits, sizeof bits);
    }
    if (matrix.format.ggml == GgmlType::kMXFP4) {
      block[0] = static_cast<std::byte>(118 + random() % 8);
    }
  }
}

/// A matrix with random codes and moderate scales; the same for the same seed.
inline HostMatrix random_weights(const WeightFormat& format, std::int64_t outputs,
                                 std::int64_t inputs, unsigned seed, bool zeros = true) {
  using Kind = WeightFormat::Kind;
  std::mt19937 random(seed);
  auto parts = std::make_shared<RandomParts>();
  HostMatrix matrix{format, outputs, inputs};
  parts->data.resize(outputs * matrix.row_bytes());
  for (std::byte& byte : parts->data) {
    byte = static_cast<std::byte>(random());
    const bool e4m3 = format.kind == Kind::kMxfp8 || format.kind == Kind::kFp8;
    // Neither not-a-number nor so large that sums of others vanish beside it.
    if (e4m3) byte &= std::byte{0xcf};
    if (format.kind == Kind::kMxfp8 && random() % 64 == 0) byte = std::byte{0xff};  // MLX's -480
  }
  std::int64_t scale_rows = outputs;
  if (format.group_rows > 0) scale_rows = (outputs + format.group_rows - 1) / format.group_rows;
  for (std::int64_t i = 0; i < scale_rows * matrix.groups(); ++i) {
    switch (format.kind) {
      case Kind::kAffine:
      case Kind::kZeroPoint:
        put_number(parts->scales, format.dtype, random);
        if (format.kind == Kind::kAffine) {
          put_number(parts->offsets, format.dtype, random);
        } else if (zeros) {
          parts->offsets.push_back(static_cast<std::byte>(random() % (1u << format.bits)));
        }
        break;
      case Kind::kFp8:
        put_number(parts->scales, DType::kF32, random);
        break;
      case Kind::kNvfp4:
        parts->scales.push_back(static_cast<std::byte>(random() & 0x3fu));
        break;
      default:
        parts->scales.push_back(static_cast<std::byte>(118 + random() % 8));
    }
  }
  if (format.kind == Kind::kGgml) fill_blocks(matrix, *parts, random);
  if (format.kind == Kind::kNvfp4) matrix.global_scale = 0.37f;
  matrix.data = parts->data.data();
  if (!parts->scales.empty()) matrix.scales = parts->scales.data();
  if (!parts->offsets.empty()) matrix.offsets = parts->offsets.data();
  matrix.storage = std::move(parts);
  return matrix;
}

/// All its weights by the reference, [outputs, inputs].
inline std::vector<float> dequantized(const HostMatrix& matrix) {
  std::vector<float> values(matrix.outputs * matrix.inputs);
  for (std::int64_t row = 0; row < matrix.outputs; ++row) {
    dequantize_row(matrix, row, values.data() + row * matrix.inputs);
  }
  return values;
}

/// Every quantized format, with each of its sizes.
inline std::vector<WeightFormat> quantized_formats() {
  using Kind = WeightFormat::Kind;
  std::vector<WeightFormat> formats;
  for (const GgmlType type :
       {GgmlType::kQ8_0, GgmlType::kQ4_0, GgmlType::kQ4_1, GgmlType::kQ5_0, GgmlType::kQ5_1,
        GgmlType::kQ2_K, GgmlType::kQ3_K, GgmlType::kQ4_K, GgmlType::kQ5_K, GgmlType::kQ6_K,
        GgmlType::kIQ4_NL, GgmlType::kIQ4_XS, GgmlType::kMXFP4}) {
    formats.push_back(WeightFormat::blocks(type));
  }
  const DType dtypes[] = {DType::kF32, DType::kF16, DType::kBF16};
  for (int i = 0; const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const std::int64_t group : {32, 64, 128}) {
      formats.push_back({.kind = Kind::kAffine,
                         .dtype = dtypes[(i++ + bits) % 3],
                         .bits = bits,
                         .group_size = group});
    }
  }
  for (const int bits : {4, 8}) {
    formats.push_back(
        {.kind = Kind::kZeroPoint, .dtype = DType::kF16, .bits = bits, .group_size = 128});
  }
  // One group a row.
  formats.push_back(
      {.kind = Kind::kZeroPoint, .dtype = DType::kBF16, .bits = 4, .group_size = 768});
  formats.push_back({.kind = Kind::kMxfp4, .group_size = 32});
  formats.push_back({.kind = Kind::kMxfp8, .group_size = 32});
  formats.push_back({.kind = Kind::kNvfp4, .group_size = 16});
  formats.push_back({.kind = Kind::kFp8, .group_size = 128, .group_rows = 128});
  formats.push_back({.kind = Kind::kFp8, .group_size = 768, .group_rows = 1});
  formats.push_back({.kind = Kind::kFp8, .group_size = 768, .group_rows = 1000});
  return formats;
}

}  // namespace saccade::compute
