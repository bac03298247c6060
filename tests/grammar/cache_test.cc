// Grammars that are compiled once for those who ask for the same.
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "grammar/cache.h"
#include "grammar/matcher.h"

namespace saccade::grammar {
namespace {

using Kind = Source::Kind;

std::shared_ptr<const Vocabulary> bytes() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  tokens.emplace_back("<end>");
  const std::array end = {std::int32_t{256}};
  return std::make_shared<const Vocabulary>(std::move(tokens), end);
}

Source regex(const std::string& text) {
  return {Kind::kRegex, {text}};
}

TEST(GrammarCache, EveryKindIsWhatItSays) {
  GrammarCache cache(bytes());
  const auto forced = [&](const Source& source) {
    return Matcher(cache.get(source, "s")).forced();
  };
  EXPECT_EQ(forced({Kind::kJsonSchema, {R"({"const": [1, "x"]})"}}), "[1, \"x\"]");
  EXPECT_EQ(forced({Kind::kJsonObject, {}}), "{");
  EXPECT_EQ(forced(regex("ab[cd]")), "ab");
  EXPECT_EQ(forced({Kind::kChoice, {"yes", "yeah"}}), "ye");
  EXPECT_EQ(forced({Kind::kGbnf, {"root ::= \"a\" \"b\" [0-9]"}}), "ab");
}

TEST(GrammarCache, SharesAndForgetsTheOldest) {
  GrammarCache cache(bytes(), 1 << 20, 2);
  const auto a = cache.get(regex("a"), "s");
  const auto b = cache.get(regex("b"), "s");
  EXPECT_EQ(cache.get(regex("a"), "s"), a);
  EXPECT_NE(cache.get({Kind::kChoice, {"a"}}, "s"), a);  // b goes
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(cache.get(regex("a"), "s"), a);
  EXPECT_NE(cache.get(regex("b"), "s"), b);
  EXPECT_EQ(Matcher(b).forced(), "b");  // still with its user
}

TEST(GrammarCache, KeepsToItsBudget) {
  GrammarCache cache(bytes(), 4'000, 100);
  for (int i = 0; i < 20; ++i) {
    const auto masks = cache.get(regex("[a-z]*(x|y)" + std::to_string(i)), "s");
    std::vector<std::uint64_t> bits(masks->vocabulary().mask_words());
    Matcher matcher(masks);
    for (const char c : std::string("xabxyx")) {
      matcher.mask(bits);
      ASSERT_TRUE(matcher.accept(static_cast<std::int32_t>(c)));
    }
    EXPECT_GT(masks->memory_bytes(), 0u);
    EXPECT_LE(masks->memory_bytes(), 2'000u);
  }
  EXPECT_LT(cache.size(), 15u);
}

TEST(GrammarCache, MistakesAreNotKept) {
  GrammarCache cache(bytes());
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(cache.get({Kind::kJsonSchema, {R"({"unevaluatedItems": true})"}}, "s"), Error);
    EXPECT_THROW(cache.get({Kind::kJsonSchema, {"{"}}, "s"), Error);
  }
  EXPECT_EQ(cache.size(), 0u);
}

// Threads that ask for the same and answer at once: one grammar, and the same masks for all.
TEST(GrammarCache, ThreadsShareOne) {
  GrammarCache cache(bytes());
  const std::string answer = R"({"name": "Anna", "age": 7})";
  const Source source{Kind::kJsonSchema, {R"({"type": "object", "required": ["name", "age"],
      "properties": {"name": {"type": "string", "maxLength": 9}, "age": {"type": "integer"}}})"}};
  std::vector<std::shared_ptr<const TokenMasks>> shared(8);
  std::vector<std::vector<std::uint64_t>> masks(shared.size());
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < shared.size(); ++t) {
    threads.emplace_back([&, t] {
      shared[t] = cache.get(source, "s");
      Matcher matcher(shared[t]);
      std::vector<std::uint64_t> bits(shared[t]->vocabulary().mask_words());
      for (const char c : answer) {
        matcher.mask(bits);
        masks[t].insert(masks[t].end(), bits.begin(), bits.end());
        if (!matcher.accept(static_cast<std::int32_t>(c))) return;
      }
      matcher.mask(bits);
      masks[t].insert(masks[t].end(), bits.begin(), bits.end());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < shared.size(); ++t) {
    EXPECT_EQ(shared[t], shared[0]);
    EXPECT_EQ(masks[t], masks[0]);
    EXPECT_EQ(masks[t].size(), (answer.size() + 1) * 5);
  }
}

}  // namespace
}  // namespace saccade::grammar
