// Blocks of GGUF files against what ggml makes of them, and the small number formats.
#include "tensor/dequantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/safetensors.h"

namespace saccade {
namespace {

using testing::ElementsAre;

const GgmlType kQuantizedTypes[] = {
    GgmlType::kQ8_0,   GgmlType::kQ4_0,   GgmlType::kQ4_1, GgmlType::kQ5_0, GgmlType::kQ5_1,
    GgmlType::kQ2_K,   GgmlType::kQ3_K,   GgmlType::kQ4_K, GgmlType::kQ5_K, GgmlType::kQ6_K,
    GgmlType::kIQ4_NL, GgmlType::kIQ4_XS, GgmlType::kMXFP4};

TEST(Dequantize, BlocksAreWhatGgmlReads) {
  const std::string path =
      std::string(SACCADE_SOURCE_DIR) + "/tests/goldens/quantization/ggml.safetensors";
  const checkpoint::SafetensorsFile goldens(path);
  for (const GgmlType type : kQuantizedTypes) {
    const std::string name(ggml_traits(type).name);
    const auto blocks = goldens.get(name + ".blocks");
    const HostTensor values = goldens.tensor(name + ".values");
    const HostMatrix matrix{WeightFormat::blocks(type), values.shape[0], values.shape[1],
                            blocks.data};
    ASSERT_EQ(matrix.row_bytes(), blocks.shape[1]) << name;
    std::vector<float> row(matrix.inputs);
    for (std::int64_t output = 0; output < matrix.outputs; ++output) {
      dequantize_row(matrix, output, row.data());
      for (std::int64_t i = 0; i < matrix.inputs; ++i) {
        ASSERT_EQ(row[i], float_at(values.data, DType::kF32, output * matrix.inputs + i))
            << name << " row " << output << " element " << i;
      }
    }
  }
}

TEST(Dequantize, SmallFloats) {
  EXPECT_EQ(e8m0_to_f32(127), 1.0f);
  EXPECT_EQ(e8m0_to_f32(0), 0x1p-127f);
  EXPECT_EQ(e8m0_to_f32(254), 0x1p127f);
  EXPECT_TRUE(std::isnan(e8m0_to_f32(255)));
  EXPECT_EQ(e4m3_to_f32(0x38), 1.0f);
  EXPECT_EQ(e4m3_to_f32(0x7e), 448.0f);
  EXPECT_EQ(e4m3_to_f32(0xfe), -448.0f);
  EXPECT_EQ(e4m3_to_f32(0x01), 0x1p-9f);
  EXPECT_EQ(e4m3_to_f32(0x08), 0x1p-6f);
  EXPECT_TRUE(std::signbit(e4m3_to_f32(0x80)));
  EXPECT_TRUE(std::isnan(e4m3_to_f32(0x7f)));
  EXPECT_EQ(e4m3_to_f32_as_mlx(0xff), -480.0f);
  EXPECT_EQ(e4m3_to_f32_as_mlx(0x7e), 448.0f);
}

TEST(Dequantize, PackedCodesAreOneStreamOfBits) {
  // 0b101'011'110'001'... from the lowest bit up: 1, 6, 3, 5, then zeros.
  const std::byte three_bits[] = {std::byte{0b11110001}, std::byte{0b00001010}, std::byte{0}};
  const auto codes = [&](int bits) {
    std::vector<int> found;
    for (int i = 0; i < 4; ++i) found.push_back(packed_code(three_bits, bits, i));
    return found;
  };
  EXPECT_THAT(codes(3), ElementsAre(1, 6, 3, 5));
  EXPECT_THAT(codes(4), ElementsAre(1, 15, 10, 0));
  EXPECT_THAT(codes(2), ElementsAre(1, 0, 3, 3));
  EXPECT_THAT(codes(6), ElementsAre(0b110001, 0b101011, 0, 0));
}

TEST(WeightFormat, BitsAndNames) {
  const WeightFormat affine{
      .kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64};
  EXPECT_EQ(affine.name(), "4-bit (groups of 64)");
  EXPECT_DOUBLE_EQ(affine.bits_per_weight(), 4.5);
  EXPECT_DOUBLE_EQ(WeightFormat::blocks(GgmlType::kQ4_K).bits_per_weight(), 4.5);
  EXPECT_EQ(WeightFormat::blocks(GgmlType::kBF16), WeightFormat::floating(DType::kBF16));
  EXPECT_EQ(ggml_type_named("q4_k"), GgmlType::kQ4_K);
  EXPECT_EQ(ggml_type_named("q4"), std::nullopt);
  EXPECT_EQ(ggml_type_name(16), "IQ2_XXS");
  EXPECT_EQ(ggml_type_name(1000), "of an unknown number");
}

}  // namespace
}  // namespace saccade
