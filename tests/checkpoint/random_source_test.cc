// Models of random weights that are nowhere on disk.
#include "checkpoint/random_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/checkpoint.h"
#include "saccade/error.h"
#include "tensor/dequantize.h"
#include "text/tokenizer.h"

namespace saccade::checkpoint {
namespace {

class RandomWeights : public testing::TestWithParam<const char*> {};

TEST_P(RandomWeights, AreOrdinaryNumbersAsManyAsAnnounced) {
  const RandomSource source("tiny", GetParam());
  EXPECT_EQ(source.tensors().size(), tensors_of(random_shape("tiny")).size());
  for (const auto& [name, info] : source.tensors()) {
    const std::vector<HostMatrix> parts = source.matrix(name);
    ASSERT_EQ(parts.size(), 1U);
    const HostMatrix& matrix = parts[0];
    EXPECT_EQ(matrix.bytes(), info.bytes) << name;
    EXPECT_EQ(matrix.format.name(), info.type) << name;
    EXPECT_EQ(matrix.outputs * matrix.inputs, info.shape.elements()) << name;
    double squares = 0.0;
    std::vector<float> row(matrix.inputs);
    for (std::int64_t output = 0; output < matrix.outputs; ++output) {
      dequantize_row(matrix, output, row.data());
      for (const float value : row) squares += static_cast<double>(value) * value;
    }
    const double deviation = std::sqrt(squares / static_cast<double>(info.shape.elements()));
    const bool norm = name.find("norm") != std::string::npos || name.ends_with("ln_q.weight");
    EXPECT_NEAR(deviation, norm ? 1.0 : 0.02, norm ? 0.0 : 0.01) << name;
  }
}

TEST_P(RandomWeights, AreTheSameEveryTime) {
  const RandomSource one("tiny", GetParam());
  const RandomSource other("tiny", GetParam());
  const std::string name = "model.layers.1.mlp.down_proj.weight";
  const HostMatrix a = one.matrix(name)[0];
  const HostMatrix b = other.matrix(name)[0];
  EXPECT_TRUE(std::equal(a.data, a.data + a.outputs * a.row_bytes(), b.data));
  const HostMatrix c = one.matrix("model.layers.0.mlp.down_proj.weight")[0];
  EXPECT_FALSE(std::equal(a.data, a.data + a.outputs * a.row_bytes(), c.data))
      << "layers are not copies of each other";
}

INSTANTIATE_TEST_SUITE_P(Weights, RandomWeights, testing::Values("bf16", "mlx4", "q4_0"),
                         [](const auto& named) { return std::string(named.param); });

TEST(RandomShapes, HaveTheSizesOfTheirModels) {
  const auto parameters = [](const char* name) {
    double count = 0.0;
    for (const NamedShape& tensor : tensors_of(random_shape(name))) {
      count += static_cast<double>(tensor.shape.elements());
    }
    return count / 1e9;
  };
  // As published, tower included.
  EXPECT_NEAR(parameters("qwen2.5-vl-7b"), 8.29, 0.01);
  EXPECT_NEAR(parameters("qwen2.5-vl-3b"), 3.75, 0.01);
  EXPECT_EQ(random_shape_names().front(), "qwen2.5-vl-7b");
}

TEST(RandomTokenizer, KnowsEveryByteAndTheSpecialTokens) {
  for (const char* shape : {"tiny", "0.5b"}) {
    const auto tokenizer =
        text::Tokenizer::from_json(tokenizer_of(random_shape(shape)), "tokenizer.json");
    const std::string said = "Grüße, 世界!\n";
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(said), false), said);
    EXPECT_EQ(tokenizer.vocab_size(), random_shape(shape).vocab);
    const auto pad = config_of(random_shape(shape)).at("image_token_id").as_int64();
    EXPECT_THAT(tokenizer.encode("<|image_pad|>"),
                testing::ElementsAre(static_cast<std::int32_t>(pad)));
  }
}

TEST(RandomSourceOf, UnknownNamesIsAUsageError) {
  EXPECT_THROW(RandomSource("huge", "bf16"), Error);
  EXPECT_THROW(RandomSource("tiny", "q3"), Error);
}

}  // namespace
}  // namespace saccade::checkpoint
