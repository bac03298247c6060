// Every family against transformers: prompts, token ids, positions, tower outputs and logits of
// tiny random checkpoints in every layout that is met in practice.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <numeric>

#include "engine/prepare.h"
#include "golden_model.h"

namespace saccade {
namespace {

/// Keeps the largest deviation of a kind for the test's report (--gtest_output=xml).
class Worst {
 public:
  explicit Worst(std::string name) : name_(std::move(name)) {}
  ~Worst() { testing::Test::RecordProperty(name_, fmt::format("{:.1e}", worst_)); }
  double operator()(double deviation) { return worst_ = std::max(worst_, deviation), deviation; }

 private:
  std::string name_;
  double worst_ = 0.0;
};

class ModelGolden : public GoldenModel {};

TEST_P(ModelGolden, PromptsTokensAndPositions) {
  for (const auto& item : cases_.as_array()) {
    const boost::json::object& golden = item.as_object();
    SCOPED_TRACE(golden.at("name").as_string().c_str());
    const auto prepared =
        engine::prepare_prompt(*processor_, goldens::greedy_request(golden, 1), {}, nullptr);
    EXPECT_EQ(prepared.rendered, golden.at("prompt").as_string());
    EXPECT_EQ(prepared.prompt.token_ids, goldens::ids(golden.at("input_ids")));
    // Goldens of text models leave out positions that only count up.
    if (!golden.contains("position_ids")) {
      std::vector<std::int32_t> counted(prepared.prompt.token_ids.size());
      std::iota(counted.begin(), counted.end(), 0);
      EXPECT_EQ(prepared.prompt.positions, counted);
      continue;
    }
    std::vector<std::int32_t> positions;
    for (const auto& axis : golden.at("position_ids").as_array()) {
      const auto row = goldens::ids(axis);
      positions.insert(positions.end(), row.begin(), row.end());
    }
    EXPECT_EQ(prepared.prompt.positions, positions);
    const auto& grids = golden.at("image_grid_thw").as_array();
    ASSERT_EQ(prepared.patches.size(), grids.size());
    for (std::size_t i = 0; i < grids.size(); ++i) {
      const auto grid = goldens::ids(grids[i]);
      EXPECT_EQ(prepared.patches[i].grid, (media::PatchGrid{grid[0], grid[1], grid[2]}));
    }
  }
}

TEST_P(ModelGolden, EmbeddingsAndLogits) {
  Worst embeds_deviation("embeddings");
  Worst logits_deviation("logits");
  for (const auto& item : cases_.as_array()) {
    const boost::json::object& golden = item.as_object();
    const std::string name(golden.at("name").as_string());
    SCOPED_TRACE(name);
    const auto prepared =
        engine::prepare_prompt(*processor_, goldens::greedy_request(golden, 1), {}, nullptr);
    const models::Prompt& prompt = prepared.prompt;
    std::vector<float> embeds;
    std::vector<Tensor> images;
    for (const media::Patches& patches : prepared.patches) {
      images.push_back(model_->encode(patches));
      const std::vector<float> part = download(images.back());
      embeds.insert(embeds.end(), part.begin(), part.end());
    }
    if (!images.empty()) {
      EXPECT_LT(embeds_deviation(goldens::deviation(
                    embeds, goldens::values(expected_.tensor(name + ".image_embeds")))),
                kTolerance);
    }
    const auto tokens = static_cast<std::int32_t>(prompt.token_ids.size());
    const Memory memory = memory_for(tokens);
    models::Batch batch = make_batch(prompt, images, memory);
    for (std::int32_t i = 0; i < tokens; ++i) batch.logits_rows.push_back(i);
    const std::vector<float> logits = download(model_->forward(batch, memory.view()).logits);
    const std::vector<float> last(logits.end() - model_->vocab_size(), logits.end());
    EXPECT_LT(logits_deviation(
                  goldens::deviation(last, goldens::values(expected_.tensor(name + ".logits")))),
              kTolerance);
    if (expected_.entries().contains(name + ".all_logits")) {
      EXPECT_LT(logits_deviation(goldens::deviation(
                    logits, goldens::values(expected_.tensor(name + ".all_logits")))),
                kTolerance);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, ModelGolden,
                         testing::ValuesIn(goldens::checkpoints_of(goldens::families())),
                         [](const auto& named) { return goldens::test_name(named.param); });

}  // namespace
}  // namespace saccade
