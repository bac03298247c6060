// Special tokens in grammars: told by what they are, never by their letters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "grammar/matcher.h"
#include "grammar/special_text.h"

namespace saccade::grammar {
namespace {

constexpr const char* kCalls = R"gbnf(
root ::= add | sub
add ::= "add" %token "[ARGS]" %json {"type": "object", "properties": {"a": {"type": "integer"}},
                                     "required": ["a"]}
sub ::= "sub" %token "[ARGS]" %json {"type": "object", "properties": {"b": {"enum": ["x", "y"]}},
                                     "required": ["b"]} %token "[END]"
)gbnf";

/// Single bytes, what spells a special token and what is one.
class SpecialTokens : public testing::Test {
 protected:
  SpecialTokens() {
    for (int byte = 0; byte < 256; ++byte) tokens_.emplace_back(1, static_cast<char>(byte));
    spelled_ = add("[ARGS]");
    args_ = add(special_text("[ARGS]"));
    end_mark_ = add(special_text("[END]"));
    broken_ = add("\xFF[ARGS]");
    add("{\"a\": ");
    end_ = add("<end>");
    vocabulary_ = std::make_shared<const Vocabulary>(tokens_, std::array{end_});
  }
  std::int32_t add(const std::string& token) {
    tokens_.push_back(token);
    return static_cast<std::int32_t>(tokens_.size()) - 1;
  }
  Matcher matcher(std::string_view text) const {
    return Matcher(std::make_shared<const TokenMasks>(Grammar::gbnf(text, "test"), vocabulary_));
  }
  /// The tokens of the mask, each of which accept() must take, and no other.
  std::vector<std::int32_t> allowed(const Matcher& matcher) const {
    std::vector<std::uint64_t> bits(vocabulary_->mask_words());
    matcher.mask(bits);
    std::vector<std::int32_t> ids;
    for (std::int32_t id = 0; id < std::ssize(tokens_); ++id) {
      const bool has = bits[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1;
      Matcher copy = matcher;
      EXPECT_EQ(copy.accept(id), has) << id;
      if (has) ids.push_back(id);
    }
    return ids;
  }

  std::vector<std::string> tokens_;
  std::int32_t spelled_, args_, end_mark_, broken_, end_;
  std::shared_ptr<const Vocabulary> vocabulary_;
};

TEST_F(SpecialTokens, StandWhereTheGrammarNamesThem) {
  Matcher calls = matcher(kCalls);
  ASSERT_TRUE(calls.accept("add"));
  EXPECT_THAT(allowed(calls), testing::ElementsAre(args_));
  EXPECT_FALSE(calls.accept("["));
  EXPECT_FALSE(calls.accept(spelled_));
  EXPECT_FALSE(calls.accept(broken_));
  EXPECT_FALSE(calls.accept(special_text("[ARGS]")));  // bytes are text
  EXPECT_EQ(calls.expected(), "a special token");
  ASSERT_TRUE(calls.accept(args_));
  EXPECT_EQ(calls.forced(), "{\"a\": ");
  ASSERT_TRUE(calls.accept("{\"a\": 12}"));
  EXPECT_TRUE(calls.must_end());
  EXPECT_THAT(allowed(calls), testing::ElementsAre(end_));
}

TEST_F(SpecialTokens, WhatIsBehindOneBelongsToWhatWasBeforeIt) {
  Matcher calls = matcher(kCalls);
  ASSERT_TRUE(calls.accept("s"));
  EXPECT_EQ(calls.forced(), "ub" + special_text("[ARGS]") + "{\"b\": \"");
  ASSERT_TRUE(calls.accept("ub"));
  ASSERT_TRUE(calls.accept(args_));
  EXPECT_FALSE(calls.accept("{\"a"));
  ASSERT_TRUE(calls.accept("{\"b\": \"y\"}"));
  EXPECT_FALSE(calls.complete());
  EXPECT_THAT(allowed(calls), testing::ElementsAre(end_mark_));
  EXPECT_FALSE(calls.accept(args_));
  ASSERT_TRUE(calls.accept(end_mark_));
  EXPECT_TRUE(calls.must_end());
}

TEST_F(SpecialTokens, AreNoPartOfAnyText) {
  const Matcher any = matcher("root ::= .*");
  const std::vector<std::int32_t> ids = allowed(any);
  EXPECT_THAT(ids, testing::Contains(spelled_));
  for (const std::int32_t id : {args_, end_mark_, broken_, 0xFE, 0xFF}) {
    EXPECT_THAT(ids, testing::Not(testing::Contains(id)));
  }
  const Grammar calls = Grammar::gbnf(kCalls, "test");
  for (const std::string& between : {std::string("[ARGS]"), special_text("[ARGS]")}) {
    const auto mismatch = find_mismatch(calls, "add" + between + "{\"a\": 1}");
    ASSERT_TRUE(mismatch);
    EXPECT_EQ(mismatch->offset, 3u);
  }
}

TEST_F(SpecialTokens, EndValuesWhoseTextsHaveNotTheirLetters) {
  const char* const kText = R"(root ::= %value {"type": ["string", "integer"]} %token "[END]")";
  Matcher value = matcher(kText);
  ASSERT_TRUE(value.accept("so [\"EN\"] [EN"));
  EXPECT_FALSE(value.accept("D]"));
  ASSERT_TRUE(value.accept("D"));
  EXPECT_FALSE(value.accept("]"));
  EXPECT_THAT(allowed(value),
              testing::AllOf(testing::Contains(end_mark_), testing::Not(testing::Contains(args_))));
  ASSERT_TRUE(value.accept(end_mark_));
  EXPECT_TRUE(value.must_end());
  EXPECT_THROW(matcher(R"(root ::= %value {"const": "[END]"} %token "[END]")"), Error);
}

TEST_F(SpecialTokens, ThatTheModelDoesNotHave) {
  EXPECT_THAT([&] { matcher(R"(root ::= "a" %token "[NONE]")"); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("\"[NONE]\", which this model")));
  EXPECT_THROW(matcher(R"(root ::= %token "<end>")"), Error);  // it ends the answer
  for (const char* bad : {"root ::= %token", "root ::= %token \"\"", "root ::= %token a",
                          "root ::= %json 3", "root ::= %value {} %json {}", "root ::= %what"}) {
    EXPECT_THROW(matcher(bad), Error) << bad;
  }
}

TEST(SpecialTokensOfTokenizers, AreForcedAmongText) {
  const auto tokenizer =
      text::Tokenizer::from_file(SACCADE_SOURCE_DIR "/assets/glance/tokenizer.json");
  const auto id = [&](const char* text) { return tokenizer.token_id(text).value(); };
  const auto vocabulary = std::make_shared<const Vocabulary>(
      tokenizer, static_cast<std::size_t>(tokenizer.vocab_size()), std::array{id("<|im_end|>")});
  const std::int32_t mark = id("<|box_start|>");
  Matcher matcher(std::make_shared<const TokenMasks>(
      Grammar::gbnf(R"(root ::= "call one" %token "<|box_start|>" "the rest (" [0-9] end | "x"
                    end ::= %token "<|box_start|>")",
                    "test"),
      vocabulary));
  ASSERT_TRUE(matcher.accept("call"));
  const std::vector<std::int32_t> forced = matcher.forced_tokens();
  std::string text;
  int marks = 0;
  for (const std::int32_t token : forced) {
    ASSERT_TRUE(matcher.accept(token));
    marks += token == mark;
    text += token == mark ? "|" : std::string(tokenizer.token_bytes(token));
  }
  EXPECT_EQ(marks, 1);
  EXPECT_THAT(text, testing::StartsWith(" one|the rest"));
  EXPECT_TRUE(matcher.accept(matcher.forced() + "7"));
  EXPECT_EQ(matcher.forced_tokens(), std::vector<std::int32_t>{mark});
}

}  // namespace
}  // namespace saccade::grammar
