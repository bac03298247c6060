// Answers that follow a grammar: always, in any company, and with few steps where it leaves no
// choice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "engine/answers.h"
#include "goldens.h"
#include "saccade/grammar.h"
#include "saccade/service.h"
#include "saccade/tokenizer.h"

namespace saccade {
namespace {

constexpr const char* kPerson = R"({
  "type": "object",
  "properties": {
    "name": {"type": "string", "maxLength": 12},
    "age": {"type": "integer", "minimum": 0, "maximum": 150},
    "kind": {"enum": ["cat", "dog", "a very long name of a kind"]},
    "tags": {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 3}
  },
  "required": ["name", "age", "kind", "tags"],
  "additionalProperties": false
})";

class ConstraintTest : public testing::Test {
 protected:
  std::string directory_ = (goldens::root() / "qwen2_5_vl" / "saved_f32").string();
  Service service_{Engine::load(directory_, {.device = "cpu", .threads = 1})};

  Request request(Constraint constraint, std::uint64_t seed) {
    Request made = requests_of(directory_, 400)[seed % 2];
    made.logprobs.reset();
    made.ignore_end = false;
    made.sampling = {.temperature = 1.5, .top_p = 1.0, .top_k = 0, .seed = seed};
    made.constraint = std::move(constraint);
    return made;
  }
};

TEST_F(ConstraintTest, AnswersFollowTheirSchema) {
  const Grammar schema = Grammar::json_schema(kPerson, "test");
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const Result result =
        service_.generate(request({Constraint::Kind::kJsonSchema, {kPerson}, ""}, seed));
    EXPECT_EQ(result.finish_reason, FinishReason::kStop);
    EXPECT_FALSE(schema.check(result.text)) << result.text;
  }
  // Names of properties and all between them take no steps.
  const ServiceStatus status = service_.status();
  EXPECT_LT(status.steps, status.completion_tokens * 2 / 3);
}

TEST_F(ConstraintTest, OtherKinds) {
  const auto text = [&](Constraint constraint) {
    return service_.generate(request(std::move(constraint), 3)).text;
  };
  EXPECT_THAT(text({Constraint::Kind::kRegex, {"[ab]{3}-[0-9]{2}"}, ""}),
              testing::MatchesRegex("[ab][ab][ab]-[0-9][0-9]"));
  EXPECT_THAT(text({Constraint::Kind::kChoice, {"yes", "no", "perhaps"}, ""}),
              testing::AnyOf("yes", "no", "perhaps"));
  EXPECT_THAT(text({Constraint::Kind::kGbnf, {"root ::= \"<\" [a-c] \">\""}, ""}),
              testing::MatchesRegex("<[abc]>"));
}

TEST_F(ConstraintTest, TheSameAloneAndInCompany) {
  std::vector<Request> requests;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    requests.push_back(request({Constraint::Kind::kJsonSchema, {kPerson}, ""}, seed));
    if (seed % 3 == 2) requests.back().constraint.reset();
    requests.back().max_tokens = 80;
  }
  Engine engine = Engine::load(directory_, {.device = "cpu", .threads = 1});
  const std::vector<Result> together = engine.generate(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    expect_same(service_.generate(requests[i]), together[i]);
  }
}

TEST_F(ConstraintTest, LogprobsAreOfEveryToken) {
  Request one = request({Constraint::Kind::kChoice, {"a very long choice of one"}, ""}, 1);
  const Result skipped = service_.generate(one);
  one.logprobs = 2;
  const Result stepped = service_.generate(one);
  EXPECT_EQ(stepped.text, skipped.text);
  EXPECT_EQ(stepped.logprobs.size(), stepped.token_ids.size());
}

TEST_F(ConstraintTest, APartOfAnAnswerOnly) {
  // The tiny model says nothing of its own will, so that it is made to write what opens the part.
  int opened = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Request part = request({Constraint::Kind::kRegex, {"<[0-9]{4}>"}, "a"}, seed);
    part.sampling.temperature = 3.0;
    const std::string text = service_.generate(part).text;
    for (std::size_t at = text.find('a'); at != std::string::npos; at = text.find('a', at + 1)) {
      if (at + 7 > text.size()) break;
      ++opened;
      EXPECT_THAT(text.substr(at + 1, 6), testing::MatchesRegex("<[0-9][0-9][0-9][0-9]>")) << text;
      at += 6;
    }
  }
  EXPECT_GT(opened, 5);
}

TEST_F(ConstraintTest, APartThatBeginsAsToldAndEndsTheAnswer) {
  int opened = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Request part = request({Constraint::Kind::kRegex, {"[0-9]{4}"}, "a", "\n<", true}, seed);
    part.sampling.temperature = 3.0;
    // With log-probabilities every token is a step of its own.
    if (seed % 2 == 1) part.logprobs = 0;
    const Result result = service_.generate(part);
    const std::size_t at = result.text.find('a');
    if (at == std::string::npos || result.finish_reason != FinishReason::kStop) continue;
    ++opened;
    EXPECT_THAT(result.text.substr(at + 1), testing::MatchesRegex("\n<[0-9][0-9][0-9][0-9]"));
  }
  EXPECT_GT(opened, 5);
}

TEST_F(ConstraintTest, TheWholeIfItBeginsSo) {
  const Tokenizer tokenizer = Tokenizer::load(directory_);
  const auto begin_with = [&](const std::string& text) {
    Request one = request({Constraint::Kind::kRegex, {"ab[0-9]{3}"}, "", "", false, "ab"}, 1);
    one.max_tokens = 12;
    one.sampling.logit_bias = {{tokenizer.encode(text).at(0), 1000.0f}};
    return service_.generate(one).text;
  };
  const std::string free = begin_with("c");
  EXPECT_THAT(free, testing::StartsWith("ccc"));
  // A token that only begins the text leaves all open, until the rest comes or does not.
  EXPECT_THAT(begin_with("a"), testing::StartsWith("aaa"));
  Request forced = request({Constraint::Kind::kRegex, {"a+b[0-9]{3}"}, "", "", false, "aa"}, 1);
  forced.sampling.logit_bias = {{tokenizer.encode("a").at(0), 1000.0f}};
  forced.max_tokens = 12;
  EXPECT_THAT(service_.generate(forced).text, testing::StartsWith("aaaaa"));
  forced.constraint->texts = {"a{2}b[0-9]{3}"};
  EXPECT_THAT(service_.generate(forced).text, testing::MatchesRegex("aab[0-9][0-9][0-9]"));
}

TEST_F(ConstraintTest, SpecialTokensThatAreWantedAreText) {
  const Tokenizer tokenizer = Tokenizer::load(directory_);
  Request special = request({}, 0);
  special.constraint.reset();
  special.ignore_end = true;
  special.max_tokens = 2;
  special.sampling.logit_bias = {{tokenizer.encode("<|im_start|>").at(0), 1000.0f}};
  EXPECT_EQ(service_.generate(special).text, "");
  special.visible_tokens = {"<|im_start|>", "no token"};
  EXPECT_EQ(service_.generate(special).text, "<|im_start|><|im_start|>");
}

TEST_F(ConstraintTest, WhatCannotBeCompiledIsSaid) {
  const auto ask = [&](Constraint constraint) {
    return [this, constraint] { service_.generate(request(constraint, 1)); };
  };
  using Kind = Constraint::Kind;
  EXPECT_THROW(ask({Kind::kJsonSchema, {"{\"type\": \"strin\"}"}, ""})(), Error);
  EXPECT_THROW(ask({Kind::kJsonSchema, {"not json"}, ""})(), Error);
  EXPECT_THROW(ask({Kind::kRegex, {"("}, ""})(), Error);
  EXPECT_THROW(ask({Kind::kRegex, {}, ""})(), Error);
  EXPECT_THROW(ask({Kind::kChoice, {}, ""})(), Error);
}

TEST_F(ConstraintTest, PenaltiesAndBiases) {
  Request biased = request({}, 0);
  biased.constraint.reset();
  biased.ignore_end = true;
  biased.max_tokens = 30;
  biased.sampling = {.temperature = 0.0, .repetition_penalty = 1.0};
  const Result plain = service_.generate(biased);
  const std::int32_t wanted = plain.token_ids[0] == 100 ? 101 : 100;
  biased.sampling.logit_bias = {{wanted, 1000.0f}};
  EXPECT_EQ(service_.generate(biased).token_ids, std::vector<std::int32_t>(30, wanted));
  // Each use costs as much as the bias brings: never twice in a row.
  biased.sampling.presence_penalty = 2000.0;
  const Result present = service_.generate(biased);
  EXPECT_EQ(present.token_ids[0], wanted);
  EXPECT_EQ(std::set(present.token_ids.begin(), present.token_ids.end()).size(), 30u);
  biased.sampling.presence_penalty.reset();
  biased.sampling.frequency_penalty = 400.0;
  const Result frequent = service_.generate(biased);
  EXPECT_EQ(std::ranges::count(frequent.token_ids, wanted), 3);
  biased.sampling.logit_bias = {{1 << 30, 1.0f}};
  EXPECT_THROW(service_.generate(biased), Error);
}

TEST_F(ConstraintTest, ThePenaltyCountsTokensThatWereForced) {
  const Tokenizer tokenizer = Tokenizer::load(directory_);
  const auto id_of = [&](const char* text) {
    const std::vector<std::int32_t> ids = tokenizer.encode(text);
    EXPECT_EQ(ids.size(), 1u) << text;
    return ids[0];
  };
  // After Q the first Z is forced. It makes the second one, which is likelier, cost more.
  Request either = request({Constraint::Kind::kRegex, {"QZ(Z|J)"}}, 0);
  either.sampling = {.temperature = 0.0, .repetition_penalty = 1.0};
  either.sampling.logit_bias = {{id_of("Z"), 1010.0f}, {id_of("J"), 1000.0f}};
  EXPECT_EQ(service_.generate(either).text, "QZZ");
  either.sampling.repetition_penalty = 2.0;
  EXPECT_EQ(service_.generate(either).text, "QZJ");
}

}  // namespace
}  // namespace saccade
