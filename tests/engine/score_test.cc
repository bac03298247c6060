// Teacher forcing: Engine::score goes the way of Engine::generate, so it must find the same bits.
#include <gtest/gtest.h>

#include "goldens.h"
#include "saccade/engine.h"

namespace saccade {
namespace {

/// Keeps all that the model gave.
struct Recorder : Listener {
  void on_prompt(std::span<const std::int32_t> ids) override {
    prompt.assign(ids.begin(), ids.end());
  }
  bool watches_logits() const override { return true; }
  void on_logits(std::span<const float> row) override {
    logits.emplace_back(row.begin(), row.end());
  }

  std::vector<std::int32_t> prompt;
  std::vector<std::vector<float>> logits;
};

class Score : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path directory_ = goldens::root() / GetParam();
};

TEST_P(Score, HasTheLogitsOfGenerateBitForBit) {
  Engine engine = Engine::load(directory_.string());
  const boost::json::value cases = read_json_file(directory_ / "cases.json");
  for (const auto& item : cases.as_array()) {
    Request request = goldens::greedy_request(item.as_object(), 8);
    request.logprobs = 3;
    Recorder free;
    const Result answer = engine.generate(request, &free);
    Recorder forced;
    const Result scored = engine.score(request, answer.token_ids, &forced);
    EXPECT_EQ(scored.token_ids, answer.token_ids);
    EXPECT_EQ(scored.text, answer.text);
    EXPECT_EQ(forced.prompt, free.prompt);
    EXPECT_EQ(static_cast<std::int64_t>(forced.prompt.size()), scored.usage.prompt_tokens);
    ASSERT_EQ(forced.logits.size(), answer.token_ids.size());
    EXPECT_EQ(forced.logits, free.logits);
    for (std::size_t i = 0; i < answer.logprobs.size(); ++i) {
      EXPECT_EQ(scored.logprobs[i].token.logprob, answer.logprobs[i].token.logprob);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Score, testing::ValuesIn(goldens::all_checkpoints()),
                         [](const auto& named) { return goldens::test_name(named.param); });

Request hello() {
  Request request;
  request.messages.push_back({"user", {std::string("Hello")}});
  return request;
}

Engine tiny() {
  return Engine::load((goldens::root() / "qwen2_5_vl" / "saved_f32").string());
}

TEST(ScoreOf, AnyTokensIsTakenAsGiven) {
  Engine engine = tiny();
  // The second one ends an answer of this model, and the request asks for a single token.
  const std::vector<std::int32_t> tokens = {5, 306, 7, 7};
  Request request = hello();
  request.max_tokens = 1;
  request.logprobs = 0;
  Recorder recorder;
  const Result scored = engine.score(request, tokens, &recorder);
  EXPECT_EQ(scored.token_ids, tokens);
  EXPECT_EQ(recorder.logits.size(), 4U);
  EXPECT_LT(scored.logprobs[0].token.logprob, 0.0);
}

TEST(ScoreOf, NothingIsNothing) {
  Recorder recorder;
  Engine engine = tiny();
  EXPECT_TRUE(engine.score(hello(), {}, &recorder).token_ids.empty());
  EXPECT_TRUE(recorder.logits.empty());
}

TEST(ScoreOf, TokensThatCannotBeIsRefused) {
  Engine engine = tiny();
  const auto size = static_cast<std::int32_t>(engine.info().vocab_size);
  for (const std::int32_t id : {-1, size}) {
    EXPECT_THROW(engine.score(hello(), std::vector{id}), Error) << id;
  }
  const std::vector<std::int32_t> many(static_cast<std::size_t>(engine.info().context_length), 5);
  EXPECT_THROW(engine.score(hello(), many), Error);
}

}  // namespace
}  // namespace saccade
