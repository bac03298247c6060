// Qwen2-VL and Qwen3-VL: what their configurations may say, and how positions are interpolated.
#include "changed_config.h"
#include "models/qwen_vl/plain_tower.h"
#include "nn/rotary.h"

namespace saccade::models {
namespace {

using QwenVlConfig = ChangedConfig;

TEST_F(QwenVlConfig, Qwen2VlNamesItsSizesDifferently) {
  use("qwen2_vl/published_2b");
  EXPECT_NO_THROW(load());
  vision()["hidden_size"] = 52;
  expect_refusal("the tower's output size 52 must equal the decoder's hidden_size 48");
  vision().erase("embed_dim");
  expect_refusal("\"embed_dim\" is missing");
}

TEST_F(QwenVlConfig, DeepStackMustFit) {
  use("qwen3_vl/published_4b");
  EXPECT_NO_THROW(load());
  vision()["deepstack_visual_indexes"] = {0, 4};
  expect_refusal("deepstack_visual_indexes [0, 4] must name different blocks of the tower's 4");
  vision()["deepstack_visual_indexes"] = {1, 1};
  expect_refusal("deepstack_visual_indexes [1, 1]");
  vision()["deepstack_visual_indexes"] = {0, 1, 2, 3};
  expect_refusal("no more of them than the decoder's 3 layers");
}

TEST_F(QwenVlConfig, PositionsMustBeASquare) {
  use("qwen3_vl/saved_f32");
  vision()["num_position_embeddings"] = 120;
  expect_refusal("num_position_embeddings 120 is not a square number");
}

TEST_F(QwenVlConfig, SectionsAreInterleavedOrRefused) {
  use("qwen3_vl/published_4b");
  text().at("rope_scaling").as_object()["mrope_interleaved"] = false;
  expect_refusal("mrope_interleaved false is not supported for this family");
  use("qwen2_vl/published_2b");
  config_.at("rope_scaling").as_object()["mrope_interleaved"] = true;
  expect_refusal("mrope_interleaved true is not supported for this family");
}

TEST(InterleavedRotary, AxesTakeTurnsUntilTheirSectionsEnd) {
  const std::vector<std::int64_t> sections = {4, 2, 1};
  const auto rotary = nn::interleaved_multimodal_rotary(nn::rotary_frequencies(1e4, 14), sections);
  EXPECT_EQ(rotary.axes, (std::vector<int>{0, 1, 2, 0, 1, 0, 0}));
}

TEST(GridReading, EndsLieOnEnds) {
  const auto reading = qwen_vl::read_grid(4, 7);
  EXPECT_EQ(reading.first, (std::vector<int>{0, 2, 4, 6}));
  EXPECT_EQ(reading.share, (std::vector<float>{0, 0, 0, 0}));
  const auto finer = qwen_vl::read_grid(5, 3);
  EXPECT_EQ(finer.first, (std::vector<int>{0, 0, 1, 1, 2}));
  EXPECT_EQ(finer.share, (std::vector<float>{0, 0.5f, 0, 0.5f, 0}));
  EXPECT_EQ(qwen_vl::read_grid(1, 3).first, (std::vector<int>{0}));
}

}  // namespace
}  // namespace saccade::models
