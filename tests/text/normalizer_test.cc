// Normalizers; the expected texts were seen from Hugging Face tokenizers 0.23.2.
#include "text/normalizer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/json.h"
#include "text/normalizer_filters.h"
#include "text/normalizer_precompiled.h"
#include "text/normalizer_unicode.h"
#include "text/unicode.h"

namespace saccade::text {
namespace {

std::string normalized(std::string_view description, std::string text) {
  const boost::json::value value = parse_json(description, "normalizer");
  Normalizer::from_json(&value, "normalizer")->apply(text);
  return text;
}

TEST(Normalizer, UnicodeForms) {
  using Form = NormalizationForm;
  EXPECT_EQ(normalize("e\u0301 \u212b o\u0302\u0323", Form::kNfc), "\u00e9 \u00c5 \u1ed9");
  EXPECT_EQ(normalize("\u00e9 \ufb01", Form::kNfd), "e\u0301 \ufb01");
  EXPECT_EQ(normalize("\ufb01 \u337f\u2460", Form::kNfkc), "fi \u682a\u5f0f\u4f1a\u793e1");
  EXPECT_EQ(normalize("\uff76\uff9e", Form::kNfkd), "\u30ab\u3099");
  EXPECT_EQ(normalize("\u1100\u1161\u11a8 \uac00\u11a8", Form::kNfc), "\uac01 \uac01");
  EXPECT_EQ(normalize("\u0344 \u0958 \U0001d15e", Form::kNfc),
            "\u0308\u0301 \u0915\u093c \U0001d157\U0001d165");
  EXPECT_EQ(normalize("\u304b\u3099\u6f22\u30cf\u309a", Form::kNfc), "\u304c\u6f22\u30d1");
}

TEST(Normalizer, LeavesLaterCharactersAlone) {
  // Unicode 12's square era name, a mark of Unicode 10 and a composition of Unicode 13.
  EXPECT_EQ(normalize("\u32ff", NormalizationForm::kNfkc), "\u32ff");
  EXPECT_EQ(normalize("e\u1df6\u0301", NormalizationForm::kNfc), "e\u1df6\u0301");
  EXPECT_EQ(normalize("\U00011935\U00011930", NormalizationForm::kNfc), "\U00011935\U00011930");
}

TEST(Normalizer, QuickWayEqualsTheThoroughOne) {
  // Each character between others, against NFC by way of NFD.
  for (char32_t value = 1; value < 0x20000; ++value) {
    if (value >= 0xD800 && value <= 0xDFFF) continue;
    std::string text = "a";
    append_utf8(text, value);
    text += "\u0323\u0301\u6f22";
    append_utf8(text, value);
    const std::string thorough =
        normalize(normalize(text, NormalizationForm::kNfd), NormalizationForm::kNfc);
    ASSERT_EQ(normalize(text, NormalizationForm::kNfc), thorough) << static_cast<int>(value);
  }
}

TEST(Normalizer, LongRunsOfMarksTakeLinearTime) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string result = normalize(text, NormalizationForm::kNfc);
  EXPECT_TRUE(result.starts_with("\u1ea1\u0323"));
  EXPECT_EQ(normalize(result, NormalizationForm::kNfc), result);
}

TEST(Normalizer, LowerCase) {
  EXPECT_EQ(to_lowercase("ABC \u00c9\u0130\u1e9e\u03a3 \u01c5 \U00010d50"),
            "abc \u00e9i\u0307\u00df\u03c3 \u01c6 \U00010d70");
}

TEST(Normalizer, PrecompiledCharsmap) {
  // "b" becomes "xy"; units: root (children at 1 ^ byte), the node of "b" at 0x63 and its value.
  std::vector<std::uint32_t> units(128, 0);
  units[0] = 1 << 10;
  units[1 ^ 'b'] = static_cast<std::uint32_t>((1 ^ 'b') ^ 2) << 10 | 1 << 8 | 'b';
  units[2] = 0x80000000;
  std::string bytes(4 + 4 * units.size(), '\0');
  const auto size = static_cast<std::uint32_t>(4 * units.size());
  std::memcpy(bytes.data(), &size, 4);
  std::memcpy(bytes.data() + 4, units.data(), size);
  const PrecompiledCharsmap charsmap(bytes + std::string("xy\0", 3), "here");
  EXPECT_EQ(charsmap.apply("abcb"), "axycxy");
  EXPECT_EQ(charsmap.apply("b\u0301"), "xy");  // a grapheme counts as what it begins with
  EXPECT_EQ(charsmap.apply(""), "");
  EXPECT_EQ(charsmap.apply(std::string("\0b", 2)), std::string("\0xy", 3));
  EXPECT_EQ(PrecompiledCharsmap("", "here").apply("ab"), "ab");
  EXPECT_EQ(decode_base64("YWI=", "here"), "ab");
}

TEST(Normalizer, CharacterFilters) {
  EXPECT_EQ(strip_accents("e\u0301 \u00e9 a\u20dd"), "e \u00e9 a");
  EXPECT_EQ(strip_accents("a\u1ac1"), "a\u1ac1");  // a mark since Unicode 14
  EXPECT_EQ(normalize_nmt("a\u0001\tb\u200b\u2581\ufffd"), "a b   ");
}

TEST(Normalizer, Steps) {
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": true, "strip_right": true})",
                       "\u2003 \u00e9 x \u0085"),
            "\u00e9 x");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": false, "strip_right": true})", "   "),
            "");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": true, "strip_right": false})", " a "),
            "a ");
  EXPECT_EQ(normalized(R"({"type": "Prepend", "prepend": "\u2581"})", "a"), "\u2581a");
  EXPECT_EQ(normalized(R"({"type": "Prepend", "prepend": "\u2581"})", ""), "");
  EXPECT_EQ(
      normalized(R"({"type": "Replace", "pattern": {"String": "."}, "content": "\\1"})", "a.b."),
      "a\\1b\\1");
  EXPECT_EQ(normalized(R"({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})",
                       "a   b c"),
            "a b c");
  EXPECT_EQ(normalized(R"({"type": "Sequence", "normalizers": [{"type": "NFKC"},
                           {"type": "Lowercase"}]})",
                       "\uff21\ufb01"),
            "afi");
  EXPECT_EQ(normalized(R"({"type": "ByteLevel"})", " \u00e9"), "\u0120\u00c3\u00a9");
}

}  // namespace
}  // namespace saccade::text
