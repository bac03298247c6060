// Quantizers against what ggml and MLX make of the same rows, and against their own inverse.
#include "tensor/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "checkpoint/safetensors.h"
#include "saccade/error.h"
#include "tensor/dequantize.h"
#include "tensor/ggml_pack.h"
#include "tensor/quantize_groups.h"

namespace saccade {
namespace {

using Kind = WeightFormat::Kind;

const GgmlType kSimpleTypes[] = {GgmlType::kQ8_0, GgmlType::kQ4_0, GgmlType::kQ4_1,
                                 GgmlType::kQ5_0, GgmlType::kQ5_1, GgmlType::kMXFP4};
const GgmlType kSearchedTypes[] = {GgmlType::kQ2_K,  GgmlType::kQ3_K, GgmlType::kQ4_K,
                                   GgmlType::kQ5_K,  GgmlType::kQ6_K, GgmlType::kIQ4_NL,
                                   GgmlType::kIQ4_XS};

std::string golden(const std::string& name) {
  return std::string(SACCADE_SOURCE_DIR) + "/tests/goldens/quantization/" + name;
}

std::vector<float> floats(const HostTensor& tensor) {
  std::vector<float> values(tensor.shape.elements());
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = float_at(tensor.data, tensor.dtype, i);
  return values;
}

HostMatrix matrix_of(const WeightFormat& format, const QuantizedRows& rows, std::int64_t outputs,
                     std::int64_t inputs) {
  return {format, outputs, inputs, rows.data.data(), rows.scales.data(), rows.offsets.data()};
}

std::vector<float> dequantized(const HostMatrix& matrix) {
  std::vector<float> values(matrix.outputs * matrix.inputs);
  for (std::int64_t row = 0; row < matrix.outputs; ++row) {
    dequantize_row(matrix, row, values.data() + row * matrix.inputs);
  }
  return values;
}

std::vector<float> round_trip(const WeightFormat& format, const std::vector<float>& values,
                              std::int64_t inputs) {
  ThreadPool threads(2);
  const auto rows = static_cast<std::int64_t>(values.size()) / inputs;
  const QuantizedRows quantized = quantize_rows(format, values.data(), rows, inputs, threads);
  return dequantized(matrix_of(format, quantized, rows, inputs));
}

double rms_error(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::pow(double{a[i]} - double{b[i]}, 2);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

std::vector<float> normal(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(count);
  for (float& value : values) value = distribution(random);
  return values;
}

WeightFormat affine(int bits, std::int64_t group, DType dtype) {
  return {.kind = Kind::kAffine, .dtype = dtype, .bits = bits, .group_size = group};
}

TEST(FloatRounding, IsToNearestEven) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float f16 = f16_to_f32(half);
    if (!std::isnan(f16)) {
      ASSERT_EQ(f32_to_f16(f16), half);
    }
    const float bf16 = bf16_to_f32(half);
    if (!std::isnan(bf16)) {
      ASSERT_EQ(f32_to_bf16(bf16), half);
    }
  }
  EXPECT_EQ(f32_to_f16(1.0f + 0x1p-11f), 0x3c00);
  EXPECT_EQ(f32_to_f16(1.0f + 0x3p-11f), 0x3c02);
  EXPECT_EQ(f32_to_f16(65519.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0);
  EXPECT_EQ(f32_to_f16(0x1.8p-25f), 1);
  EXPECT_EQ(f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(1.0f + 0x3p-8f), 0x3f82);
  EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

TEST(FloatRounding, E4m3) {
  for (int bits = 0; bits < 256; ++bits) {
    const auto code = static_cast<std::uint8_t>(bits);
    if ((bits & 0x7f) != 0x7f) {
      ASSERT_EQ(f32_to_e4m3(e4m3_to_f32(code)), code);
    }
  }
  EXPECT_EQ(f32_to_e4m3(17.0f), f32_to_e4m3(16.0f)) << "halves go to even";
  EXPECT_EQ(f32_to_e4m3(19.0f), f32_to_e4m3(20.0f));
  EXPECT_EQ(f32_to_e4m3(470.0f), 0x7e);
  EXPECT_EQ(f32_to_e4m3(-1e9f), 0xfe);
}

TEST(WriteBlock, IsTheInverseOfReading) {
  std::mt19937 random(5);
  for (const auto& types :
       {std::span<const GgmlType>(kSimpleTypes), std::span<const GgmlType>(kSearchedTypes)}) {
    for (const GgmlType type : types) {
      const GgmlTraits traits = ggml_traits(type);
      for (int round = 0; round < 20; ++round) {
        std::vector<std::byte> block(traits.bytes);
        for (std::byte& byte : block) byte = static_cast<std::byte>(random());
        std::uint8_t codes[kMaxBlockElements];
        read_block_codes(type, block.data(), codes);
        std::vector<std::byte> again(traits.bytes);
        write_block(type, codes, read_block_scales(type, block.data()), again.data());
        ASSERT_EQ(block, again) << traits.name;
      }
    }
  }
}

TEST(Quantize, SimpleBlocksAreGgmlsBitForBit) {
  const checkpoint::SafetensorsFile goldens(golden("ggml.safetensors"));
  const std::vector<float> row = floats(goldens.tensor("row"));
  ThreadPool threads(1);
  for (const GgmlType type : kSimpleTypes) {
    const std::string name(ggml_traits(type).name);
    const auto blocks = goldens.get(name + ".blocks");
    const QuantizedRows rows = quantize_rows(WeightFormat::blocks(type), row.data(), 1,
                                             static_cast<std::int64_t>(row.size()), threads);
    ASSERT_EQ(static_cast<std::int64_t>(rows.data.size()), blocks.shape[1]);
    EXPECT_EQ(std::memcmp(rows.data.data(), blocks.data + blocks.shape[1], rows.data.size()), 0)
        << name;
  }
}

TEST(Quantize, SearchedBlocksErrNoMoreThanGgmls) {
  const checkpoint::SafetensorsFile goldens(golden("ggml.safetensors"));
  const std::vector<float> row = floats(goldens.tensor("row"));
  for (const GgmlType type : kSearchedTypes) {
    const std::string name(ggml_traits(type).name);
    const std::vector<float> both = floats(goldens.tensor(name + ".values"));
    const std::vector<float> ggml(both.begin() + static_cast<std::ptrdiff_t>(row.size()),
                                  both.end());
    const std::vector<float> ours =
        round_trip(WeightFormat::blocks(type), row, static_cast<std::int64_t>(row.size()));
    const double error = rms_error(ours, row);
    RecordProperty(name, std::to_string(error) + " ggml " + std::to_string(rms_error(ggml, row)));
    EXPECT_LE(error, rms_error(ggml, row)) << name;
  }
}

TEST(Quantize, AffineIsMlxsBitForBit) {
  const checkpoint::SafetensorsFile goldens(golden("mlx_affine.safetensors"));
  ThreadPool threads(2);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const std::string prefix = dtype == DType::kF32 ? "F32" : dtype == DType::kF16 ? "F16" : "BF16";
    const HostTensor weight = goldens.tensor(prefix + ".weight");
    const std::vector<float> values = floats(weight);
    for (const int bits : {2, 3, 4, 5, 6, 8}) {
      for (const int group : {32, 64, 128}) {
        const std::string path = prefix + "." + std::to_string(bits) + "." + std::to_string(group);
        const QuantizedRows rows = quantize_rows(affine(bits, group, dtype), values.data(),
                                                 weight.shape[0], weight.shape[1], threads);
        const auto same = [&](const std::vector<std::byte>& found, const char* suffix) {
          const auto wanted = goldens.get(path + suffix);
          ASSERT_EQ(static_cast<std::int64_t>(found.size()), wanted.bytes);
          EXPECT_EQ(std::memcmp(found.data(), wanted.data, found.size()), 0) << path << suffix;
        };
        same(rows.data, ".weight");
        same(rows.scales, ".scales");
        same(rows.offsets, ".biases");
      }
    }
  }
}

TEST(Quantize, ErrorsAreWithinHalfAStep) {
  const std::vector<float> values = normal(64 * 256, 7);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    const std::vector<float> back = round_trip(affine(bits, 64, DType::kF32), values, 256);
    for (std::size_t g = 0; g < values.size(); g += 64) {
      const auto [low, high] = std::minmax_element(&values[g], &values[g] + 64);
      // Hitting one end exactly stretches a step by at most half of one over all of them.
      const float step = (*high - *low) / static_cast<float>((1 << bits) - 1);
      for (std::size_t i = g; i < g + 64; ++i) {
        ASSERT_LE(std::abs(values[i] - back[i]), step * 1.0f) << bits;
      }
    }
  }
  // Figures of the formats on normal weights, with room for other random numbers.
  const auto error = [&](const WeightFormat& format) {
    return rms_error(round_trip(format, values, 256), values);
  };
  EXPECT_LT(error({.kind = Kind::kMxfp4, .bits = 4, .group_size = 32}), 0.15);
  EXPECT_LT(error({.kind = Kind::kNvfp4, .bits = 4, .group_size = 16}), 0.11);
  EXPECT_LT(error({.kind = Kind::kMxfp8, .bits = 8, .group_size = 32}), 0.09);
  EXPECT_LT(error(affine(8, 64, DType::kBF16)), 0.01);
}

TEST(Quantize, WhatWasQuantizedStays) {
  const std::vector<float> values = normal(16 * 256, 9);
  for (const GgmlType type :
       {GgmlType::kQ8_0, GgmlType::kQ4_0, GgmlType::kQ5_0, GgmlType::kMXFP4}) {
    const WeightFormat format = WeightFormat::blocks(type);
    const std::vector<float> once = round_trip(format, values, 256);
    EXPECT_EQ(round_trip(format, once, 256), once) << format.name();
  }
  const WeightFormat bf16 = WeightFormat::floating(DType::kBF16);
  const std::vector<float> once = round_trip(bf16, values, 256);
  EXPECT_EQ(round_trip(bf16, once, 256), once);
}

TEST(Quantize, ZerosAndConstantsStay) {
  std::vector<float> values(512, 0.0f);
  std::fill(values.begin() + 256, values.end(), 0.25f);
  std::vector<WeightFormat> formats = {affine(4, 64, DType::kF32),
                                       {.kind = Kind::kMxfp4, .bits = 4, .group_size = 32},
                                       {.kind = Kind::kNvfp4, .bits = 4, .group_size = 16},
                                       {.kind = Kind::kMxfp8, .bits = 8, .group_size = 32}};
  for (const GgmlType type : kSimpleTypes) formats.push_back(WeightFormat::blocks(type));
  for (const GgmlType type : kSearchedTypes) formats.push_back(WeightFormat::blocks(type));
  for (const WeightFormat& format : formats) {
    const std::vector<float> back = round_trip(format, values, 256);
    for (int i = 0; i < 256; ++i) ASSERT_EQ(back[i], 0.0f) << format.name();
    for (int i = 256; i < 512; ++i) ASSERT_NEAR(back[i], 0.25f, 0.1f) << format.name();
  }
}

TEST(Quantize, RefusesWhatDoesNotFit) {
  ThreadPool threads(1);
  const std::vector<float> values(100);
  EXPECT_THROW(quantize_rows(affine(4, 64, DType::kF32), values.data(), 1, 100, threads), Error);
  EXPECT_THROW(quantize_rows({.kind = Kind::kFp8, .group_size = 100, .group_rows = 1},
                             values.data(), 1, 100, threads),
               Error);
  EXPECT_FALSE(can_quantize(WeightFormat::blocks(GgmlType::kQ4_K), 128));
}

}  // namespace
}  // namespace saccade
