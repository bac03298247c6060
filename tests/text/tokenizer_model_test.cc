// The models that need no merges, on vocabularies small enough to check by hand, and their speed on
// hostile text.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "base/error.h"
#include "base/json.h"
#include "text/tokenizer.h"

namespace saccade::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;
using Ids = std::vector<std::int32_t>;

Tokenizer build(std::string_view model) {
  const boost::json::object document{{"model", parse_json(model, "model")},
                                     {"decoder", {{"type", "Fuse"}}}};
  return Tokenizer::from_json(document, "tokenizer.json");
}

TEST(SentencePieceBpe, HighestScoreFirstThenLeftmost) {
  const Tokenizer tokenizer = build(R"({"type": "SentencePieceBpe",
      "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "bc": 4, "aa": 5, "abc": 6, "aaaa": 7},
      "scores": [0, 0, 0, -2, -1, -3, -9, -4]})");
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(3));
  EXPECT_THAT(tokenizer.encode("abc"), ElementsAre(6));  // a bc, which is a token too
  EXPECT_THAT(tokenizer.encode("aaa"), ElementsAre(5, 0));
  EXPECT_THAT(tokenizer.encode("aaaaa"), ElementsAre(7, 0));
  EXPECT_THAT(tokenizer.encode("aab"), ElementsAre(0, 3));
  EXPECT_THAT(tokenizer.encode(""), IsEmpty());
}

TEST(SentencePieceBpe, JoinsWhatIsNoTokenItself) {
  // "b" is no token, yet "ab" is: no list of merges can say so.
  const Tokenizer tokenizer = build(R"({"type": "SentencePieceBpe", "unk_token": "<unk>",
      "vocab": {"<unk>": 0, "a": 1, "ab": 2, "<0xC3>": 3, "<0xA9>": 4}, "scores": [0, 0, 0, 0, 0]})");
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(2));
  EXPECT_THAT(tokenizer.encode("b"), ElementsAre(0));
  EXPECT_THAT(tokenizer.encode("a\u00e9\u00ea"), ElementsAre(1, 3, 4, 0));
  const Tokenizer strict =
      build(R"({"type": "SentencePieceBpe", "vocab": {"a": 0}, "scores": [0]})");
  EXPECT_THAT([&] { strict.encode("b"); },
              ThrowsMessage<Error>(HasSubstr("byte tokens for \"b\"")));
}

TEST(Unigram, BestPath) {
  const Tokenizer tokenizer = build(R"({"type": "Unigram", "unk_id": 0, "vocab": [
      ["<unk>", 0], ["a", -1], ["b", -1], ["ab", -2.5], ["abb", -1.5], ["bb", -2]]})");
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(1, 2));
  EXPECT_THAT(tokenizer.encode("abb"), ElementsAre(4));
  EXPECT_THAT(tokenizer.encode("bb"), ElementsAre(5));  // of equal sums the first found
  EXPECT_THAT(tokenizer.encode("axyb"), ElementsAre(1, 0, 2));
  EXPECT_THAT(tokenizer.encode("\u00e9"), ElementsAre(0));
  EXPECT_EQ(tokenizer.token_id("abb"), 4);
  EXPECT_EQ(tokenizer.token_id("abbb"), std::nullopt);
  EXPECT_EQ(tokenizer.vocab_size(), 6);
  const Tokenizer strict = build(R"({"type": "Unigram", "vocab": [["a", -1]]})");
  EXPECT_THAT([&] { strict.encode("ab"); }, ThrowsMessage<Error>(HasSubstr("unknown token")));
}

TEST(Unigram, UnknownCharactersAsBytes) {
  const Tokenizer tokenizer = build(R"({"type": "Unigram", "unk_id": 0, "byte_fallback": true,
      "vocab": [["<unk>", 0], ["a", -1], ["<0xC3>", 0], ["<0xA9>", 0]]})");
  EXPECT_THAT(tokenizer.encode("a\u00e9a"), ElementsAre(1, 2, 3, 1));
  EXPECT_THAT(tokenizer.encode("\u00e9\u00ea"), ElementsAre(0));  // one run, one byte is missing
}

/// A MiB in one piece must not take time quadratic in its length.
TEST(TokenModels, OneLongWord) {
  std::string vocab;
  std::string pairs;
  std::string scores;
  std::string word = "a";
  for (int id = 0; id < 7; ++id, word += word) {
    const std::string comma = id ? ", " : "";
    vocab += fmt::format("{}\"{}\": {}", comma, word, id);
    pairs += fmt::format("{}[\"{}\", {}]", comma, word, -id - 1);
    scores += fmt::format("{}{}", comma, -id);
  }
  const std::string text = std::string(1 << 20, 'a');
  for (const std::string& model :
       {R"({"type": "SentencePieceBpe", "vocab": {)" + vocab + "}, \"scores\": [" + scores + "]}",
        R"({"type": "Unigram", "unk_id": 0, "vocab": [)" + pairs + "]}"}) {
    const Tokenizer tokenizer = build(model);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(tokenizer.encode(text), Ids(1 << 14, 6)) << model.substr(0, 40);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  }
}

}  // namespace
}  // namespace saccade::text
