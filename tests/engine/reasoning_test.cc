// Reasoning: counted, and ended where its budget is spent.
#include <gmock/gmock.h>

#include <algorithm>

#include "engine/answers.h"
#include "engine/reasoning_watch.h"
#include "goldens.h"
#include "saccade/service.h"
#include "saccade/tokenizer.h"

namespace saccade {
namespace {

constexpr const char* kClosing = "\n</think>\n\n";

class ReasoningTest : public testing::Test {
 protected:
  std::string directory_ = (goldens::root() / "qwen2_5_vl" / "saved_f32").string();
  Service service_{Engine::load(directory_, {.device = "cpu", .threads = 1})};
  const Tokenizer tokenizer_ = Tokenizer::load(directory_);

  /// The tiny model never ends its reasoning by itself.
  Request request(std::optional<std::int64_t> budget, std::size_t which = 0) const {
    Request made = requests_of(directory_, 40)[which];
    made.logprobs.reset();
    made.ignore_end = true;
    made.reasoning = Reasoning{"<think>", "</think>", true, budget, kClosing};
    return made;
  }
};

TEST_F(ReasoningTest, EndsWhereTheBudgetIsSpent) {
  const Result free = service_.generate(request(std::nullopt));
  EXPECT_EQ(free.usage.reasoning_tokens, 40);
  const std::vector<std::int32_t> closing = tokenizer_.encode(kClosing);
  for (const std::int64_t budget : {1, 2, 7, 39}) {
    const Result result = service_.generate(request(budget));
    EXPECT_EQ(result.usage.reasoning_tokens, budget);
    EXPECT_EQ(result.usage.completion_tokens, 40);
    std::vector<std::int32_t> begin(free.token_ids.begin(), free.token_ids.begin() + budget);
    begin.insert(begin.end(), closing.begin(), closing.end());
    begin.resize(std::min<std::size_t>(begin.size(), 40));
    ASSERT_EQ(result.token_ids.size(), 40u);
    EXPECT_TRUE(std::ranges::equal(begin, std::span(result.token_ids).first(begin.size())));
  }
}

TEST_F(ReasoningTest, ForcedTokensTakeNoSteps) {
  const std::uint64_t before = service_.status().steps;
  service_.generate(request(7));
  const auto closing = static_cast<std::int64_t>(tokenizer_.encode(kClosing).size());
  EXPECT_LE(static_cast<std::int64_t>(service_.status().steps - before), 40 + 2 - closing);
}

TEST_F(ReasoningTest, TheSameAloneInCompanyAndStepByStep) {
  std::vector<Request> requests;
  for (const std::int64_t budget : {3, 5, 11}) {
    requests.push_back(request(budget, 0));
    requests.push_back(request(budget, 1));
    requests.back().sampling = {.temperature = 1.0, .seed = 7};
  }
  Engine engine = Engine::load(directory_, {.device = "cpu", .threads = 1});
  const std::vector<Result> together = engine.generate(requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    expect_same(service_.generate(requests[i]), together[i]);
    if (i % 2 != 0) continue;
    requests[i].logprobs = 0;
    const Result stepped = service_.generate(requests[i]);
    EXPECT_EQ(stepped.token_ids, together[i].token_ids);
    EXPECT_EQ(stepped.logprobs.size(), stepped.token_ids.size());
  }
}

TEST_F(ReasoningTest, BudgetsThatCannotBe) {
  const auto refused = [&](Reasoning reasoning, const char* what) {
    Request bad = request(1);
    bad.reasoning = std::move(reasoning);
    EXPECT_THAT([&] { service_.generate(bad); },
                testing::ThrowsMessage<Error>(testing::HasSubstr(what)));
  };
  refused({"<think>", "</think>", true, 0, kClosing}, "wanted a budget of 1 tokens or more");
  refused({"<think>", "</think>", false, -1, kClosing}, "wanted a budget of 0 tokens or more");
  refused({"<think>", "", true}, "wanted the texts that it begins and ends with");
  refused({"<think>", "</think>", true, 3, "so"}, "wanted a closing text with </think> in it");
}

class WatchTest : public testing::Test {
 protected:
  const text::Tokenizer tokenizer_ =
      text::Tokenizer::from_file(goldens::root() / "qwen2_5_vl" / "saved_f32" / "tokenizer.json");

  /// After which token of `text` the budget is spent, -1: never; and the tokens of reasoning.
  std::pair<int, std::int64_t> watch(Reasoning reasoning, std::string_view text) {
    engine::ReasoningWatch watch(reasoning, tokenizer_);
    int count = 0;
    int spent = -1;
    for (const char c : text) {
      for (const std::int32_t id : tokenizer_.encode(std::string_view(&c, 1))) {
        if (watch.add(id)) {
          EXPECT_EQ(spent, -1);
          spent = count;
        }
        ++count;
      }
    }
    return {spent, watch.tokens()};
  }
  const Reasoning think_{"<t>", "</t>", false, 3, "</t>"};
};

TEST_F(WatchTest, CountsBetweenTheMarks) {
  using testing::Pair;
  EXPECT_THAT(watch(think_, " \n<t>ab</t>cdefg").first,
              testing::Eq(7));  // marks of many tokens count
  EXPECT_THAT(watch({"<t>", "</t>", false, 30, "</t>"}, "<t>ab</t>cdefg"), Pair(-1, 5));
  EXPECT_THAT(watch(think_, "no <t>abcdef"), Pair(-1, 0));
  EXPECT_THAT(watch(think_, "<t>abcdef"), Pair(5, 3));
  EXPECT_THAT(watch({"<t>", "</t>", false, 0, "</t>"}, "<t>abc").first, 2);
  EXPECT_THAT(watch({"<t>", "</t>", true, 2, "</t>"}, "abc").first, 1);
}

}  // namespace
}  // namespace saccade
