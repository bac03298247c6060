// The streaming detokenizer gives what decode() gives, in whole characters.
#include "text/detokenizer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "byte_level_document.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

using testing::ElementsAre;
using Ids = std::vector<std::int32_t>;

Tokenizer build(const boost::json::object& document) {
  return Tokenizer::from_json(document, "tokenizer.json");
}

std::vector<std::string> stream(const Tokenizer& tokenizer, const Ids& ids,
                                bool skip_special = false) {
  StreamingDetokenizer detokenizer(tokenizer, skip_special);
  std::vector<std::string> pieces;
  for (const std::int32_t id : ids) pieces.push_back(detokenizer.add(id));
  pieces.push_back(detokenizer.finish());
  return pieces;
}

Ids bytes_of(std::string_view text) {
  Ids ids;
  for (const char c : text) ids.push_back(static_cast<std::uint8_t>(c));
  return ids;
}

TEST(Detokenizer, HoldsUnfinishedCharacters) {
  const Tokenizer tokenizer = build(byte_level_document({}));
  EXPECT_THAT(stream(tokenizer, bytes_of("a\u00e9\U0001f600")),
              ElementsAre("a", "", "\u00e9", "", "", "", "\U0001f600", ""));
}

TEST(Detokenizer, BrokenBytesBecomeReplacementCharacters) {
  const Tokenizer tokenizer = build(byte_level_document({}));
  EXPECT_THAT(stream(tokenizer, bytes_of("\xF0\x9Fz")), ElementsAre("", "", "\uFFFDz", ""));
  EXPECT_THAT(stream(tokenizer, bytes_of("\xF0\x9F")), ElementsAre("", "", "\uFFFD"));
  EXPECT_THAT(stream(tokenizer, bytes_of("\xC0\x80")), ElementsAre("\uFFFD", "\uFFFD", ""));
  EXPECT_THAT(stream(tokenizer, bytes_of("\xED\xA0\x80")),
              ElementsAre("", "\uFFFD\uFFFD", "\uFFFD", ""));
  EXPECT_THAT(stream(tokenizer, bytes_of("\xE2\x82\xE2\x82\xAC")),
              ElementsAre("", "", "\uFFFD", "", "\u20ac", ""));
}

TEST(Detokenizer, BeginsAnewAfterFinish) {
  const Tokenizer tokenizer = build(byte_level_document({}));
  StreamingDetokenizer detokenizer(tokenizer, false);
  EXPECT_EQ(detokenizer.add(0xC3), "");
  EXPECT_EQ(detokenizer.finish(), "\uFFFD");
  EXPECT_EQ(detokenizer.add(0xA9), "\uFFFD");
  EXPECT_EQ(detokenizer.finish(), "");
}

/// A decoder like that of Llama 2: runs of byte tokens count as a whole, one space goes at the
/// start.
boost::json::object byte_fallback_document() {
  boost::json::object vocab{{"<unk>", 0}, {"\u2581a", 1}, {"b", 2}, {"\u2581", 3}, {"\u00e9", 4}};
  for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = vocab.size();
  return {{"model",
           {{"type", "BPE"},
            {"vocab", vocab},
            {"merges", boost::json::array()},
            {"byte_fallback", true}}},
          {"added_tokens", {added_token(261, "<s>")}},
          {"decoder", parse_json(R"({"type": "Sequence", "decoders": [
               {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
               {"type": "ByteFallback"}, {"type": "Fuse"},
               {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})",
                                 "decoder")}};
}

TEST(Detokenizer, ByteFallback) {
  const Tokenizer tokenizer = build(byte_fallback_document());
  const std::int32_t byte = 5;
  EXPECT_THAT(stream(tokenizer, {1, 3, byte + 0xC3, byte + 0xA9, 2}),
              ElementsAre("a", " ", "", "", "\u00e9b", ""));
  EXPECT_THAT(stream(tokenizer, {3, 3, 2}), ElementsAre("", " ", "b", ""));
  // The reference gives one U+FFFD for each byte of a run that is not UTF-8 as a whole.
  EXPECT_EQ(tokenizer.decode(Ids{2, byte + 'x', byte + 0xC3, 2}, false), "b\uFFFD\uFFFDb");
  EXPECT_EQ(tokenizer.decode(Ids{byte + ' ', byte + 'x'}, false), "x");
}

TEST(Detokenizer, TokensWithoutDecoderAreJoinedBySpaces) {
  boost::json::object document = byte_level_document({});
  document["decoder"] = nullptr;
  const Tokenizer tokenizer = build(document);
  EXPECT_THAT(stream(tokenizer, {'a', 'b', ' '}), ElementsAre("a", " b", " \u0120", ""));
}

void expect_streams_alike(const Tokenizer& tokenizer, unsigned seed) {
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    Ids ids(random() % 24);
    for (std::int32_t& id : ids) {
      id = static_cast<std::int32_t>(random() % (tokenizer.vocab_size() + 2)) - 1;
    }
    const bool skip_special = round % 2 == 0;
    std::string joined;
    for (const std::string& piece : stream(tokenizer, ids, skip_special)) {
      ASSERT_TRUE(is_valid_utf8(piece));
      joined += piece;
    }
    ASSERT_EQ(joined, tokenizer.decode(ids, skip_special));
  }
}

TEST(Detokenizer, PiecesMakeUpTheDecodedText) {
  boost::json::object bytes = byte_level_document(
      {{"\xF0", "\x9F"}, {"\xF0\x9F", "\x98"}, {"\x98", "\x80"}, {"\xC3", "\xA9"}, {"a", "\xE2"}});
  bytes["added_tokens"] = {added_token(261, "<s>"), added_token(262, "<a b>", false)};
  expect_streams_alike(build(bytes), 1);
  expect_streams_alike(build(byte_fallback_document()), 2);
  bytes["decoder"] = nullptr;
  expect_streams_alike(build(bytes), 3);
}

}  // namespace
}  // namespace saccade::text
