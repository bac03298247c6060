// Regular expressions and formats, character by character.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "grammar/regex.h"

namespace saccade::grammar {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

bool whole(std::string_view pattern, std::string_view text) {
  return compile_regex(pattern, RegexMatch::kWhole)->run(text) >= 0;
}
bool search(std::string_view pattern, std::string_view text) {
  return compile_regex(pattern, RegexMatch::kSearch)->run(text) >= 0;
}

TEST(Regex, WholeTexts) {
  EXPECT_TRUE(whole("a|bc", "bc"));
  EXPECT_FALSE(whole("a|bc", "abc"));
  EXPECT_TRUE(whole("^a|bc$", "a"));
  EXPECT_FALSE(whole("a$b", "ab"));
  EXPECT_TRUE(whole("(?:ab){2,3}?", "ababab"));
  EXPECT_FALSE(whole("(ab){2,3}", "ab"));
  EXPECT_TRUE(whole("x{0}y", "y"));
  EXPECT_TRUE(whole("(?<year>\\d{4})", "2026"));
  EXPECT_TRUE(whole("[^a-c]", "é"));
  EXPECT_TRUE(whole("[\\d\\-x]+", "1-x"));
  EXPECT_TRUE(whole("[a-]", "-"));
  EXPECT_TRUE(whole("[\\]\\\\]+", "]\\"));
  EXPECT_TRUE(whole("\\u0041\\x42\\u{43}\\t\\0\\cJ", std::string_view("ABC\t\0\n", 6)));
  EXPECT_TRUE(whole("\\ud83d\\ude00", "😀"));
  EXPECT_TRUE(whole("[α-ω]+", "λόγος") == false);
  EXPECT_TRUE(whole("[α-ω]+", "λγ"));
  EXPECT_TRUE(whole("\\s", "\u3000"));
  EXPECT_FALSE(whole(".", "\n"));
  EXPECT_TRUE(whole(".", "😀"));
  EXPECT_FALSE(whole(".", "\xff"));
  EXPECT_FALSE(whole(".", "\xc0\x80"));
  EXPECT_FALSE(whole("[]", ""));
  EXPECT_TRUE(whole("[^]", "\n"));
  EXPECT_TRUE(whole("", ""));
}

TEST(Regex, SearchesUnlessAnchored) {
  EXPECT_TRUE(search("b", "abc"));
  EXPECT_TRUE(search("^a", "abc"));
  EXPECT_FALSE(search("^b", "abc"));
  EXPECT_TRUE(search("(^|,)b($|;)", "a,b;c"));
  EXPECT_FALSE(search("(^|,)b($|;)", "ab;c"));
  EXPECT_TRUE(search("^$", ""));
  EXPECT_FALSE(search("^$", "a"));
  EXPECT_TRUE(search("", "anything\n"));
  EXPECT_TRUE(search("^a|b$", "xxb"));
}

TEST(Regex, RefusesByName) {
  const auto refused = [](std::string_view pattern, const std::string& message) {
    EXPECT_THAT([&] { compile_regex(pattern, RegexMatch::kWhole); },
                ThrowsMessage<Error>(HasSubstr(message)))
        << pattern;
  };
  refused("a(?=b)", "lookahead");
  refused("a(?!b)", "lookahead");
  refused("(?<=a)b", "lookbehind");
  refused("(?<!a)b", "lookbehind");
  refused("(a)\\1", "backreference");
  refused("(?<n>a)\\k<n>", "backreference");
  refused("\\bword", "word boundary");
  refused("\\p{L}", "Unicode property");
  refused("(?i)a", "(?");
  refused("\\y", "the escape \\y");
  refused("(a", "unmatched ( at character 3");
  refused("a)", "unmatched )");
  refused("[a", "unmatched [");
  refused("*a", "without anything to repeat");
  refused("a**", "without anything to repeat");
  refused("a{3,2}", "out of order");
  refused("[z-a]", "out of order");
  refused("a\\", "backslash at the end");
  refused("\\ud83d", "half a surrogate pair");
  refused("a{1000000000}", "more than 100000 times");
  refused("(a{1000}){1000}", "too large");
  refused("(a|b)*a(a|b){20}", "more than 20000 states");
  refused(std::string(10'000, '('), "nested too deep");
}

}  // namespace
}  // namespace saccade::grammar
