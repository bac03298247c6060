// Pre-tokenizers; the expected pieces were seen from Hugging Face tokenizers 0.23.2.
#include "text/pretokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "text/pretokenizer_pattern.h"
#include "text/pretokenizer_regex.h"

namespace saccade::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Pieces = std::vector<std::string>;

Pieces cut(const boost::json::object& description, std::string_view text) {
  const boost::json::value value = description;
  const auto pre_tokenizer = PreTokenizer::from_json(&value, "pre_tokenizer");
  PieceList list;
  list.pieces.push_back({text, kNoToken});
  pre_tokenizer->apply(list);
  Pieces pieces;
  for (const Piece& piece : list.pieces) pieces.emplace_back(piece.text);
  return pieces;
}

/// A Split at a regular expression.
Pieces split(std::string_view pattern, std::string_view text,
             std::string_view behavior = "Isolated", bool invert = false) {
  return cut({{"type", "Split"},
              {"pattern", {{"Regex", pattern}}},
              {"behavior", behavior},
              {"invert", invert}},
             text);
}

TEST(PreTokenizer, SplitBehaviors) {
  constexpr std::string_view kText = "-the-final--countdown-";
  EXPECT_THAT(split("-", kText, "Removed"), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(split("-", kText, "Removed", true), ElementsAre("-", "-", "-", "-", "-"));
  EXPECT_THAT(split("-", kText, "Isolated", true),
              ElementsAre("-", "the", "-", "final", "-", "-", "countdown", "-"));
  EXPECT_THAT(split("-", kText, "MergedWithPrevious"),
              ElementsAre("-", "the-", "final-", "-", "countdown-"));
  EXPECT_THAT(split("-", kText, "MergedWithPrevious", true),
              ElementsAre("-the", "-final", "-", "-countdown", "-"));
  EXPECT_THAT(split("-", kText, "MergedWithNext"),
              ElementsAre("-the", "-final", "-", "-countdown", "-"));
  EXPECT_THAT(split("-", kText, "MergedWithNext", true),
              ElementsAre("-", "the-", "final-", "-", "countdown-"));
  EXPECT_THAT(split("-", kText, "Contiguous"),
              ElementsAre("-", "the", "-", "final", "--", "countdown", "-"));
}

TEST(PreTokenizer, SplitAtLiteralText) {
  const boost::json::object description{{"type", "Split"},
                                        {"pattern", {{"String", "a.|\u00e9"}}},
                                        {"behavior", "Isolated"},
                                        {"invert", false}};
  EXPECT_THAT(cut(description, "ab|\u00e9a.|\u00e9c"), ElementsAre("ab|\u00e9", "a.|\u00e9", "c"));
}

TEST(PreTokenizer, RubySyntax) {
  EXPECT_THAT(split("$", "a\nb\n"), ElementsAre("a", "\nb", "\n"));
  EXPECT_THAT(split("^", "a\nb\n"), ElementsAre("a\n", "b\n"));
  EXPECT_THAT(split("\\s+$", "a  \n  b  \n"), ElementsAre("a", "  ", "\n  b", "  \n"));
  EXPECT_THAT(split("x{1,2}+", "xxxxxa"), ElementsAre("xxxxx", "a"));
  EXPECT_THAT(split("x{,2}", "xxxxxa"), ElementsAre("xx", "xx", "x", "a"));
  EXPECT_THAT(split("a{", "a{"), ElementsAre("a{"));
  EXPECT_THAT(split(".", "a\nb\r"), ElementsAre("a", "\n", "b", "\r"));
  EXPECT_THAT(split("(?m:.)+", "a\nb"), ElementsAre("a\nb"));
  EXPECT_THAT(split("\\v", "a\x0b\n"), ElementsAre("a", "\x0b", "\n"));
  EXPECT_THAT(split("\\h+", "agf0"), ElementsAre("a", "g", "f0"));
  EXPECT_THAT(split("x*", "axxb"), ElementsAre("a", "xx", "b"));
  EXPECT_THAT(split("(?<n>a)(b)", "ab"), ElementsAre("ab"));
  EXPECT_THAT(split("(?i)'s|t", "'ST"), ElementsAre("'S", "T"));
  EXPECT_THAT(split("(?i:'s)", "'\u017fx"), ElementsAre("'\u017f", "x"));
  EXPECT_THAT(split("[\\s\\S]", "a "), ElementsAre("a", " "));
  EXPECT_THAT(split("\\x41\\u0042\\x{43}", "ABCABC"), ElementsAre("ABC", "ABC"));
}

TEST(PreTokenizer, CharacterClassesFollowTheReference) {
  // White space: U+0085 is, U+180E, U+200B, U+FEFF and the separators U+001C to U+001F are not.
  EXPECT_THAT(split("\\s+", "\x1c\u0085\u3000\u200b\u2028\u180e\ufeff"),
              ElementsAre("\x1c", "\u0085\u3000", "\u200b", "\u2028", "\u180e\ufeff"));
  // Letters and numbers of Unicode 15 and 16.
  EXPECT_THAT(split("\\p{L}+", "1\U00031350\U0001e4d0\u1c892"),
              ElementsAre("1", "\U00031350\U0001e4d0\u1c89", "2"));
  EXPECT_THAT(split("[^\\p{N}]+", "\U0001e4f0x\U00010d40"),
              ElementsAre("\U0001e4f0", "x", "\U00010d40"));
  // Marks and connectors are word characters; superscripts outside of brackets alone.
  EXPECT_THAT(split("\\w+", "a\u0301_\u00b2-"), ElementsAre("a\u0301_\u00b2", "-"));
  EXPECT_THAT(split("[\\w]+", "a\u0301_\u00b2-"), ElementsAre("a\u0301_", "\u00b2-"));
  EXPECT_THAT(split("\\b", "ab\u00b2c d"), ElementsAre("ab\u00b2c", " ", "d"));
  EXPECT_THAT(split("\\p{Han}+", "\u6f22\u3005\u3001"), ElementsAre("\u6f22\u3005", "\u3001"));
}

TEST(PreTokenizer, QwenPattern) {
  constexpr std::string_view kPattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
      R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
  EXPECT_THAT(split(kPattern, "It'LL cost 42 \u20ac!\n\n  now"),
              ElementsAre("It", "'LL", " cost", " ", "4", "2", " \u20ac!\n\n", " ", " now"));
}

TEST(PreTokenizer, OtherTypes) {
  EXPECT_THAT(cut({{"type", "Digits"}, {"individual_digits", true}}, "a12\u00b2"),
              ElementsAre("a", "1", "2", "\u00b2"));
  EXPECT_THAT(cut({{"type", "Digits"}, {"individual_digits", false}}, "a12\u2167b"),
              ElementsAre("a", "12\u2167", "b"));
  EXPECT_THAT(cut({{"type", "Punctuation"}}, "a$!\u061d\u00bf"),
              ElementsAre("a", "$", "!", "\u061d", "\u00bf"));
  EXPECT_THAT(cut({{"type", "Punctuation"}, {"behavior", "Contiguous"}}, "a,,b"),
              ElementsAre("a", ",,", "b"));
  EXPECT_THAT(cut({{"type", "Whitespace"}}, "it's \u200cso\u00b2 "),
              ElementsAre("it", "'", "s", "\u200cso", "\u00b2"));
  EXPECT_THAT(cut({{"type", "WhitespaceSplit"}}, " a\u2003b  c"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(cut({{"type", "ByteLevel"}, {"add_prefix_space", true}}, "it's \u00e9  \n"),
              ElementsAre("\u0120it", "'s", "\u0120\u00c3\u00a9", "\u0120\u0120\u010a"));
}

TEST(PreTokenizer, SequenceLeavesTokensAlone) {
  const boost::json::value value =
      parse_json(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits",
          "individual_digits": true}, {"type": "ByteLevel",
          "add_prefix_space": false, "use_regex": false}]})",
                 "value");
  PieceList list;
  list.pieces = {{"1 a", kNoToken}, {"<2>", 7}, {"34", kNoToken}};
  PreTokenizer::from_json(&value, "pre_tokenizer")->apply(list);
  Pieces pieces;
  for (const Piece& piece : list.pieces) pieces.emplace_back(piece.text);
  EXPECT_THAT(pieces, ElementsAre("1", "\u0120a", "<2>", "3", "4"));
  EXPECT_EQ(list.pieces[2].token, 7);
}

TEST(PreTokenizer, RefusesWhatPcre2WouldMatchDifferently) {
  for (const auto& [pattern, what] : std::initializer_list<std::pair<std::string, std::string>>{
           {"a(?i)b", "an option in the middle of a group"},
           {"(?x)a", "(?x"},
           {"(a)\\1", "\"\\1\""},
           {"\\k<a>", "\"\\k\""},
           {"\\X", "\"\\X\""},
           {"[a&&b]", "an intersection of character classes"},
           {"[[a]b]", "a character class inside another"},
           {"[[:alpha:]]", "a character class inside another"},
           {"\\p{Greek}", "\"\\p{Greek}\""},
           {"\\p{C}", "\"\\p{C}\""},
           {"[\\P{L}]", "a negated property in a character class"},
           {"(?i:ss)", "\"ss\" under (?i)"},
           {"(?i:\u00df)", "a character beyond ASCII under (?i)"},
           {"(?i:\\p{Lu})", "\"\\p{Lu}\" under (?i)"},
           {"a{2}?", "\"{n}?\""},
           {"a**", "a quantifier of a quantifier"},
           {"(*FAIL)", "\"(*\""},
           {"(?~a)", "(?~"},
           {"(a", "an unclosed group"},
           {"a)", "an unmatched"},
           {"[a", "an unclosed character class"},
           {"\\", "a backslash at the end"},
           {"\\xFF", "a byte over 7F"},
           {"\\x{110000}", "a code beyond Unicode"},
           {std::string(300, '('), "nesting"},
           {std::string(20000, 'a'), "16384 bytes"},
           {"a\n\xFF", "not UTF-8"},
       }) {
    EXPECT_THAT([&] { translate_pattern(pattern, "here"); },
                ThrowsMessage<Error>(testing::AllOf(testing::StartsWith("here: regular expression"),
                                                    HasSubstr(what), HasSubstr("is not supported"),
                                                    testing::Not(HasSubstr("\n")))))
        << pattern;
  }
}

TEST(PreTokenizer, HostileTextEndsInTimeOrInAnError) {
  const Regex regex = Regex::from_oniguruma("(?:a+)+[bc]", "here");
  std::vector<Span> matches;
  EXPECT_THAT([&] { RegexMatcher(regex).find_all(std::string(60, 'a'), matches); },
              ThrowsMessage<Error>(HasSubstr("gave up on a text of 60 bytes")));
  // Outgrows the stack of the JIT, not the interpreter's heap.
  const Regex nested = Regex::from_oniguruma("(?:a|(?:b))*", "here");
  RegexMatcher(nested).find_all(std::string(100'000, 'a'), matches);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].end, 100'000u);
}

}  // namespace
}  // namespace saccade::text
