// Answers that must have a form and reason first.
#include <gmock/gmock.h>

#include "engine/answers.h"
#include "goldens.h"
#include "saccade/service.h"
#include "saccade/tokenizer.h"

namespace saccade {
namespace {

// Special tokens of the small model that end nothing by themselves.
constexpr const char* kBegin = "<|vision_start|>";
constexpr const char* kEnd = "<|vision_end|>";
constexpr const char* kClosing = "\n<|vision_end|>\n\n";

/// The small model has random weights, so that it is made to write what matters.
class ConstrainedReasoning : public testing::Test {
 protected:
  std::string directory_ = (goldens::root() / "qwen2_5_vl" / "saved_f32").string();
  Service service_{Engine::load(directory_, {.device = "cpu", .threads = 1})};
  const Tokenizer tokenizer_ = Tokenizer::load(directory_);

  Request request(bool open, std::optional<std::int64_t> budget) const {
    Request made = requests_of(directory_, 60)[0];
    made.logprobs.reset();
    made.ignore_end = false;
    made.visible_tokens = {kBegin, kEnd};
    made.constraint = Constraint{Constraint::Kind::kRegex, {"[xyz]{8}!"}};
    made.reasoning = Reasoning{kBegin, kEnd, open, budget, kClosing};
    return made;
  }
  std::int32_t id_of(const std::string& token) const {
    const std::vector<std::int32_t> ids = tokenizer_.encode(token);
    EXPECT_EQ(ids.size(), 1u) << token;
    return ids.at(0);
  }
  void prefer(Request& request, const std::string& token) const {
    request.sampling.logit_bias = {{id_of(token), 1000.0f}};
  }
  Result ask(const Request& request) { return service_.generate(request); }
};

/// The answer behind its reasoning.
std::string answer_of(const Result& result) {
  const std::string mark = std::string(kEnd) + "\n\n";
  const std::size_t at = result.text.find(mark);
  return at == std::string::npos ? "no end of reasoning" : result.text.substr(at + mark.size());
}

constexpr const char* kForm = "[xyz][xyz][xyz][xyz][xyz][xyz][xyz][xyz]!";

TEST_F(ConstrainedReasoning, ThatThePromptBeganEndsWithItsBudget) {
  Request free = request(true, std::nullopt);
  free.constraint.reset();
  prefer(free, "Q");
  const Result thought = ask(free);
  for (const std::int64_t budget : {1, 7, 20}) {
    Request held = request(true, budget);
    prefer(held, "Q");
    const Result result = ask(held);
    EXPECT_EQ(result.usage.reasoning_tokens, budget);
    EXPECT_EQ(result.finish_reason, FinishReason::kStop);
    EXPECT_THAT(answer_of(result), testing::MatchesRegex(kForm)) << result.text;
    EXPECT_TRUE(std::ranges::equal(std::span(thought.token_ids).first(budget),
                                   std::span(result.token_ids).first(budget)));
  }
}

TEST_F(ConstrainedReasoning, ThatNeverEndsIsCutOff) {
  Request held = request(true, std::nullopt);
  prefer(held, "Q");
  const Result result = ask(held);
  EXPECT_EQ(result.finish_reason, FinishReason::kLength);
  EXPECT_EQ(result.usage.reasoning_tokens, 60);
  EXPECT_EQ(result.text, std::string(60, 'Q'));
}

TEST_F(ConstrainedReasoning, ThatTheModelEnds) {
  Request held = request(true, std::nullopt);
  prefer(held, kEnd);
  const Result result = ask(held);
  EXPECT_EQ(result.usage.reasoning_tokens, 0);
  EXPECT_EQ(result.finish_reason, FinishReason::kStop);
  EXPECT_TRUE(result.text.starts_with(kEnd)) << result.text;
  EXPECT_THAT(answer_of(result), testing::MatchesRegex(kForm)) << result.text;
}

TEST_F(ConstrainedReasoning, ThatTheModelBegins) {
  Request held = request(false, 5);
  prefer(held, kBegin);
  const Result result = ask(held);
  EXPECT_EQ(result.usage.reasoning_tokens, 5);
  EXPECT_TRUE(result.text.starts_with(kBegin)) << result.text;
  EXPECT_THAT(answer_of(result), testing::MatchesRegex(kForm)) << result.text;
}

TEST_F(ConstrainedReasoning, WithoutIt) {
  // The model that does not begin to reason, and the one that may not.
  Request held = request(false, std::nullopt);
  prefer(held, "Q");
  EXPECT_THAT(ask(held).text, testing::MatchesRegex(kForm));
  Request none = request(false, 0);
  prefer(none, kBegin);
  const Result result = ask(none);
  EXPECT_THAT(result.text, testing::MatchesRegex(kForm));
  EXPECT_EQ(result.usage.reasoning_tokens, 0);
}

TEST_F(ConstrainedReasoning, AnAnswerDoesNotEndInsideOfIt) {
  for (const bool step_by_step : {false, true}) {
    Request held = request(true, std::nullopt);
    prefer(held, "<|im_end|>");
    if (step_by_step) held.logprobs = 1;
    const Result result = ask(held);
    EXPECT_EQ(result.finish_reason, FinishReason::kStop);
    EXPECT_TRUE(result.text.starts_with(kClosing)) << result.text;
    EXPECT_THAT(answer_of(result), testing::MatchesRegex(kForm)) << result.text;
  }
}

TEST_F(ConstrainedReasoning, WhatComesFirstOfTheForm) {
  Request held = request(true, 3);
  held.constraint->opening = "<|object_ref_start|>\n";
  held.visible_tokens.emplace_back("<|object_ref_start|>");
  prefer(held, "Q");
  EXPECT_THAT(answer_of(ask(held)),
              testing::MatchesRegex("<\\|object_ref_start\\|>\n" + std::string(kForm)));
  held.reasoning->open = false;
  EXPECT_THAT(ask(held).text,
              testing::MatchesRegex("<\\|object_ref_start\\|>\n" + std::string(kForm)));
  held.reasoning.reset();
  EXPECT_THAT(ask(held).text,
              testing::MatchesRegex("<\\|object_ref_start\\|>\n" + std::string(kForm)));
}

TEST_F(ConstrainedReasoning, MarksOfManyTokens) {
  // The end is told from the text, also where a token goes on behind it.
  Request held = request(true, 2);
  held.reasoning = Reasoning{"(think)", "(so)", true, 2, "\n(so)\n\n"};
  prefer(held, "Q");
  const Result result = ask(held);
  EXPECT_THAT(result.text, testing::MatchesRegex("QQ\n\\(so\\)\n\n" + std::string(kForm)));
  // A beginning that may be the answer's own letters is no way to begin.
  held.reasoning->open = false;
  prefer(held, "(");
  EXPECT_THAT(ask(held).text, testing::MatchesRegex(kForm));
}

TEST_F(ConstrainedReasoning, TheSameAloneInCompanyAndStepByStep) {
  std::vector<Request> requests;
  for (const std::int64_t budget : {2, 5, 9}) {
    requests.push_back(request(true, budget));
    prefer(requests.back(), "Q");
    requests.push_back(request(false, budget));
    prefer(requests.back(), kBegin);
    requests.push_back(request(true, budget));
    requests.back().sampling = {.temperature = 1.0, .seed = 7};
  }
  Engine engine = Engine::load(directory_, {.device = "cpu", .threads = 1});
  const std::vector<Result> together = engine.generate(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    expect_same(ask(requests[i]), together[i]);
    requests[i].logprobs = 0;
    const Result stepped = ask(requests[i]);
    EXPECT_EQ(stepped.text, together[i].text);
    EXPECT_EQ(stepped.logprobs.size(), stepped.token_ids.size());
  }
}

TEST_F(ConstrainedReasoning, WhatCannotBe) {
  Request bad = request(true, std::nullopt);
  bad.reasoning->closing = "so";
  EXPECT_THAT([&] { ask(bad); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("wanted a closing text")));
  bad = request(true, std::nullopt);
  bad.constraint->if_begins = "x";
  bad.constraint->opening = "y";
  EXPECT_THROW(ask(bad), Error);
}

}  // namespace
}  // namespace saccade
