// Tokenizer on vocabularies small enough to check by hand.
#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "byte_level_document.h"

namespace saccade::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;
using Ids = std::vector<std::int32_t>;

Tokenizer build(const boost::json::object& document) {
  return Tokenizer::from_json(document, "tokenizer.json");
}

/// A model over single characters, for what byte-level models never do.
boost::json::object character_document(std::string_view model) {
  return {{"model", parse_json(model, "model")}, {"decoder", {{"type", "Fuse"}}}};
}

TEST(Tokenizer, MergesLowestRankFirst) {
  // "bc" is merged before "ab" can be, and then "a" + "bc" is no merge.
  const Tokenizer tokenizer = build(byte_level_document({{"b", "c"}, {"a", "b"}, {"bc", "d"}}));
  EXPECT_THAT(tokenizer.encode("abc"), ElementsAre('a', 256));
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(257));
  EXPECT_THAT(tokenizer.encode("abcd"), ElementsAre('a', 258));
  EXPECT_THAT(tokenizer.encode(""), IsEmpty());
  EXPECT_EQ(tokenizer.vocab_size(), 259);
}

TEST(Tokenizer, MergesLeftmostFirstAmongEquals) {
  const Tokenizer tokenizer = build(byte_level_document({{"a", "a"}, {"aa", "a"}}));
  EXPECT_THAT(tokenizer.encode("aaa"), ElementsAre(257));
  EXPECT_THAT(tokenizer.encode("aaaaa"), ElementsAre(256, 257));
}

TEST(Tokenizer, ReadsMergesAsStringsToo) {
  boost::json::object document = byte_level_document({{"a", "b"}, {" ", "ab"}});
  boost::json::array merges{"#version: 0.2", "a b", "\u0120 ab"};
  document["model"].as_object()["merges"] = merges;
  EXPECT_THAT(build(document).encode("ab ab"), ElementsAre(256, 257));
  document["model"].as_object().erase("type");  // as early files
  EXPECT_THAT(build(document).encode("ab ab"), ElementsAre(256, 257));
}

TEST(Tokenizer, IgnoreMergesTakesWholeWords) {
  boost::json::object document = byte_level_document({{"a", "b"}});
  document["model"].as_object()["vocab"].as_object()["abc"] = 300;
  EXPECT_THAT(build(document).encode("abc"), ElementsAre(256, 'c'));
  document["model"].as_object()["ignore_merges"] = true;
  EXPECT_THAT(build(document).encode("abc abc"), ElementsAre(300, ' ', 256, 'c'));
}

/// Byte pair encoding as its definition says it, for comparison.
std::vector<std::string> merge_slowly(
    std::string_view word, const std::map<std::pair<std::string, std::string>, int>& ranks) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.emplace_back(1, c);
  while (true) {
    auto best = ranks.end();
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto rank = ranks.find({symbols[i], symbols[i + 1]});
      if (rank == ranks.end()) continue;
      if (best == ranks.end() || rank->second < best->second) {
        best = rank;
        at = i;
      }
    }
    if (best == ranks.end()) return symbols;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

TEST(Tokenizer, LongAndShortWordsFollowTheDefinition) {
  std::mt19937 random(5);
  boost::json::object vocab;
  boost::json::array merges;
  std::vector<std::string> tokens = {"a", "b", "c"};
  for (const std::string& token : tokens) vocab[token] = vocab.size();
  std::map<std::pair<std::string, std::string>, int> ranks;
  while (ranks.size() < 60) {
    const std::string left = tokens[random() % tokens.size()];
    const std::string right = tokens[random() % tokens.size()];
    if (!ranks.try_emplace({left, right}, static_cast<int>(ranks.size())).second) continue;
    merges.push_back({left, right});
    if (!vocab.contains(left + right)) {
      vocab[left + right] = vocab.size();
      tokens.push_back(left + right);
    }
  }
  const Tokenizer tokenizer =
      build({{"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}});
  for (int round = 0; round < 400; ++round) {
    std::string word;
    for (std::size_t i = random() % 80; i > 0; --i) word += "abc"[random() % 3];
    Ids expected;
    for (const std::string& symbol : merge_slowly(word, ranks)) {
      expected.push_back(vocab[symbol].to_number<std::int32_t>());
    }
    ASSERT_EQ(tokenizer.encode(word), expected) << word;
    ASSERT_EQ(tokenizer.encode(word), expected) << word << " from the cache";
  }
}

TEST(Tokenizer, VeryLongWord) {
  const Tokenizer tokenizer = build(byte_level_document({{"a", "a"}, {"aa", "aa"}, {"aaaa", "a"}}));
  const std::string word(1'000'001, 'a');
  const Ids ids = tokenizer.encode(word);
  EXPECT_EQ(ids.size(), 250'000u);  // of four, and the last of five
  EXPECT_EQ(ids.back(), 258);
  EXPECT_EQ(tokenizer.decode(ids, false), word);
}

TEST(Tokenizer, UnknownCharacters) {
  const std::string_view model = R"({"type": "BPE", "vocab": {"<unk>": 0, "a": 1, "<0xC3>": 2,
      "<0xA9>": 3}, "merges": [], "unk_token": "<unk>")";
  EXPECT_THAT(build(character_document(std::string(model) + "}")).encode("axya\u00e9"),
              ElementsAre(1, 0, 0, 1, 0));
  EXPECT_THAT(
      build(character_document(std::string(model) + R"(, "fuse_unk": true})")).encode("axyax"),
      ElementsAre(1, 0, 1, 0));
  // The reference writes a pending unknown token behind the bytes that follow it.
  EXPECT_THAT(build(character_document(std::string(model) + R"(, "byte_fallback": true})"))
                  .encode("x\u00e9\u00e8a"),
              ElementsAre(2, 3, 0, 0, 1));
  EXPECT_THAT(build(character_document(R"({"type": "BPE", "vocab": {"a": 0}, "merges": []})"))
                  .encode("xax"),
              ElementsAre(0));
  const Tokenizer lacking = build(character_document(
      R"({"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "<unk>"})"));
  EXPECT_THAT([&] { lacking.encode("x"); }, ThrowsMessage<Error>(HasSubstr("<unk>")));
}

TEST(Tokenizer, BrokenUtf8CountsAsReplacementCharacters) {
  const Tokenizer tokenizer = build(byte_level_document({{"\xEF", "\xBF"}, {"\xEF\xBF", "\xBD"}}));
  const std::int32_t replacement = 257;
  EXPECT_THAT(tokenizer.encode("\xFF"), ElementsAre(replacement));
  EXPECT_THAT(tokenizer.encode("\xF0\x9F\x98"), ElementsAre(replacement));
  EXPECT_THAT(tokenizer.encode("\xE0\x80"), ElementsAre(replacement, replacement));
  EXPECT_THAT(tokenizer.encode("\xED\xA0\x80"), ElementsAre(replacement, replacement, replacement));
  EXPECT_THAT(tokenizer.encode("a\xC3"), ElementsAre('a', replacement));
}

boost::json::object with_added(boost::json::array tokens) {
  boost::json::object document = byte_level_document({{"a", "b"}});
  document["added_tokens"] = std::move(tokens);
  return document;
}

TEST(Tokenizer, SpecialTokensInText) {
  const Tokenizer tokenizer = build(with_added(
      {added_token(257, "<s>"), added_token(258, "<s>>"), added_token(259, "<tool>", false)}));
  EXPECT_THAT(tokenizer.encode("<s>ab<s>>"), ElementsAre(257, 256, 258));
  EXPECT_THAT(tokenizer.encode("<s><tool>", {.parse_special = false}),
              ElementsAre('<', 's', '>', 259));
  EXPECT_TRUE(tokenizer.is_special(257));
  EXPECT_FALSE(tokenizer.is_special(259));
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_FALSE(tokenizer.is_special(1000));
  EXPECT_EQ(tokenizer.decode(Ids{257, 256, 259, 999, -5}, false), "<s>ab<tool>");
  EXPECT_EQ(tokenizer.decode(Ids{257, 256, 259}, true), "ab<tool>");
  EXPECT_EQ(tokenizer.token_id("<s>>"), 258);
  EXPECT_EQ(tokenizer.token_id("ab"), 256);
  EXPECT_EQ(tokenizer.token_id("\u0120"), ' ');
  EXPECT_EQ(tokenizer.token_id("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.token_bytes(258), "<s>>");
  EXPECT_EQ(tokenizer.token_bytes(0xFF), "\xFF");
  EXPECT_EQ(tokenizer.token_bytes(999), "");
  EXPECT_EQ(tokenizer.vocab_size(), 260);
}

TEST(Tokenizer, AddedTokensAreNumberedAsInTheReference) {
  // A token of the vocabulary keeps its id; others follow the vocabulary in order of the file.
  const Tokenizer tokenizer =
      build(with_added({added_token(900, "<x>"), added_token(700, "a"), added_token(5, "<y>")}));
  EXPECT_EQ(tokenizer.token_id("<x>"), 257);
  EXPECT_EQ(tokenizer.token_id("a"), 'a');
  EXPECT_EQ(tokenizer.token_id("<y>"), 258);
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre('a', 'b'));
}

TEST(Tokenizer, AddedTokenFlags) {
  const auto flagged = [](std::string_view flag) {
    boost::json::object token = added_token(257, "<x>");
    token[flag] = true;
    return build(with_added({token}));
  };
  EXPECT_THAT(flagged("lstrip").encode("a \n<x> b"), ElementsAre('a', 257, ' ', 'b'));
  EXPECT_THAT(flagged("rstrip").encode("a <x> \u3000b"), ElementsAre('a', ' ', 257, 'b'));
  const Tokenizer word = flagged("single_word");
  EXPECT_THAT(word.encode("<x> -<x>,"), ElementsAre(257, ' ', '-', 257, ','));
  EXPECT_THAT(word.encode("c<x>"), ElementsAre('c', '<', 'x', '>'));
  EXPECT_THAT(word.encode("<x>_"), ElementsAre('<', 'x', '>', '_'));
  EXPECT_THAT(word.encode("\u0301<x>"), ElementsAre(0xCC, 0x81, '<', 'x', '>'));
}

TEST(Tokenizer, NormalizedAddedTokens) {
  boost::json::object token = added_token(257, "Foo", false);
  token["normalized"] = true;
  boost::json::object document = with_added({token, added_token(258, "Bar")});
  document["normalizer"] = {{"type", "Lowercase"}};
  const Tokenizer tokenizer = build(document);
  EXPECT_THAT(tokenizer.encode("FOO,foo"), ElementsAre(257, ',', 257));
  EXPECT_THAT(tokenizer.encode("Bar,bar"), ElementsAre(258, ',', 'b', 'a', 'r'));
  EXPECT_EQ(tokenizer.decode(Ids{257, 258}, false), "fooBar");  // as released since 0.23
}

TEST(Tokenizer, ThreadsShareOne) {
  const Tokenizer tokenizer = build(byte_level_document({{"a", "b"}, {"ab", "ab"}}));
  const std::string text = "abab abc ab ababab abab, bab!";
  const Ids expected = tokenizer.encode(text);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) count += tokenizer.encode(text) != expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

TEST(Tokenizer, FileErrorsNameTheFile) {
  EXPECT_THAT([] { Tokenizer::from_file("no/such/folder"); },
              ThrowsMessage<Error>(HasSubstr("no/such/folder")));
}

}  // namespace
}  // namespace saccade::text
