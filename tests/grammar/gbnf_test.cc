// GBNF: texts that grammars accept, and mistakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "grammar/matcher.h"

namespace saccade::grammar {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

bool accepts(std::string_view grammar, std::string_view text) {
  return !find_mismatch(Grammar::gbnf(grammar, "g.gbnf"), text);
}

TEST(Gbnf, RulesAndOperators) {
  const std::string_view grammar =
      "# a list\n"
      "root ::= (item \", \")* item  # one at least\n"
      "item ::= [a-c]{2,3} | \"x\" [^0-9\\n]? |\n"
      "  \"\\u00e9\\x41\\n\\\"\" [\\]\\-^]+\n";
  for (const char* text : {"ab", "abc, x", "x!, xé, aa", "éA\n\"]-^"}) {
    EXPECT_TRUE(accepts(grammar, text)) << text;
  }
  for (const char* text : {"", "a", "abcd", "ab,ab", "x1", "ab, ", "éA\n\""}) {
    EXPECT_FALSE(accepts(grammar, text)) << text;
  }
  EXPECT_TRUE(accepts("root ::= . .", "😀é"));
  EXPECT_TRUE(accepts("root ::= \"a\"{2}", "aa"));
  EXPECT_TRUE(accepts("root ::= \"a\"{2,}", "aaaa"));
  EXPECT_TRUE(accepts("root::=\"\"|\"a\"", ""));
  EXPECT_TRUE(accepts("a ::= \"1\"\nroot ::= a a", "11"));
}

TEST(Gbnf, Recursion) {
  const std::string_view nested = "root ::= \"(\" root? \")\" | \"[\" root* \"]\"";
  EXPECT_TRUE(accepts(nested, "([()[]])"));
  EXPECT_FALSE(accepts(nested, "([)]"));
  EXPECT_FALSE(accepts(nested, "(()"));
  const std::string_view sums =
      "root ::= term (\"+\" term)*\nterm ::= factor (\"*\" factor)*\n"
      "factor ::= [0-9]+ | \"(\" root \")\"";
  EXPECT_TRUE(accepts(sums, "1+2*(3+(45))*6"));
  EXPECT_FALSE(accepts(sums, "1+*2"));
  // A rule with the empty word, and a palindrome, whose middle is anywhere.
  EXPECT_TRUE(accepts("root ::= \"a\" root \"a\" | \"b\" root \"b\" | e\ne ::= \"\"", "abbbba"));
  EXPECT_FALSE(accepts("root ::= \"a\" root \"a\" | \"b\" root \"b\" | e\ne ::= \"\"", "abab"));
  // Recursion at the end needs no stack.
  std::string many(200'000, 'x');
  EXPECT_TRUE(accepts("root ::= \"x\" root | \"x\"", many));
}

TEST(Gbnf, ValuesInTags) {
  const std::string end = "\"\\n</p>\"";
  const auto value = [&](const std::string& schema, const std::string& text) {
    return accepts("root ::= \"<\" %value " + schema + " " + end + " \">\"",
                   "<" + text + "\n</p>>");
  };
  // Strings are as they are, up to the text that ends them.
  EXPECT_TRUE(value(R"({"type": "string"})", "a \"b\" \\ \n</ \xC3\xA9"));
  EXPECT_TRUE(value(R"({"type": "string"})", ""));
  EXPECT_TRUE(value(R"({"type": "string"})", "{[\""));
  EXPECT_FALSE(value(R"({"type": "string"})", "a\n</p>b"));
  EXPECT_FALSE(value(R"({"type": "string"})", "\xC3"));
  EXPECT_TRUE(value(R"({"type": "string", "minLength": 2, "maxLength": 3})", "a\n\n"));
  EXPECT_FALSE(value(R"({"type": "string", "minLength": 2, "maxLength": 3})", "a"));
  EXPECT_FALSE(value(R"({"type": "string", "maxLength": 3})", "abcd"));
  EXPECT_TRUE(value(R"({"enum": ["C", "F", 3]})", "F"));
  EXPECT_TRUE(value(R"({"enum": ["C", "F", 3]})", "3"));
  EXPECT_FALSE(value(R"({"enum": ["C", "F", 3]})", "\"F\""));
  // Everything else is JSON, whose strings have quotes.
  EXPECT_TRUE(value(R"({"type": "integer", "maximum": 9})", "7"));
  EXPECT_FALSE(value(R"({"type": "integer", "maximum": 9})", "70"));
  EXPECT_FALSE(value(R"({"type": "integer"})", "\"7\""));
  EXPECT_TRUE(value(R"({"type": ["string", "null"]})", "null"));
  const char* const kTree = R"({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object",
      "properties": {"name": {"type": "string"}, "below": {"type": "array",
      "items": {"$ref": "#/$defs/tree"}}}, "required": ["name"], "additionalProperties": false}}})";
  std::string tree = kTree;
  std::erase(tree, '\n');
  EXPECT_TRUE(value(tree, R"({"name": "a\n</p>", "below": [{"name": "b"}, {"name": "c"}]})"));
  EXPECT_FALSE(value(tree, R"({"name": "a", "below": [{}]})"));
  EXPECT_TRUE(value("{}", "anything"));
  // Several of them, each with its own tables; a text that overlaps with itself ends at the first.
  const std::string two =
      "root ::= (a | b)+\na ::= \"a\" %value {\"type\": \"array\"} \";\"\n"
      "b ::= \"b\" %value {\"type\": [\"string\", \"array\"], \"items\": "
      "{\"type\": \"null\"}} \"aa\"";
  EXPECT_TRUE(accepts(two, "a[1, {\"b\": \"x\"}];b[null]aaa[];bxaa"));
  EXPECT_FALSE(accepts(two, "a[1];a1;"));
  EXPECT_FALSE(accepts(two, "bxaaa"));
}

TEST(Gbnf, Mistakes) {
  const auto refused = [](std::string_view grammar, const std::string& message) {
    EXPECT_THAT([&] { Grammar::gbnf(grammar, "g.gbnf"); },
                ThrowsMessage<Error>(HasSubstr("g.gbnf: " + message)))
        << grammar;
  };
  refused("root ::= %text {} \"a\"", "line 1, column 15: wanted %value");
  refused("root ::= %value 3 \"a\"", "line 1, column 17: wanted a JSON Schema");
  refused("root ::= %value {\"a\" \"a\"", "line 1, column 17: wanted a JSON Schema");
  refused("root ::= %value {} a", "line 1, column 20: wanted the text that ends the value");
  refused("root ::= %value {} \"\"", "line 1, column 22: a value must end with something");
  refused("root ::= %value {\"typ\": 1} \"a\"", "");
  refused("", "there is no rule named root");
  refused("a ::= \"b\"", "there is no rule named root");
  refused("root ::= a", "the rule a is used and not defined");
  refused("root = \"a\"", "line 1, column 6: wanted ::=");
  refused("root ::= \"a", "line 1, column 12: a text without its closing quote");
  refused("root ::= [a", "line 1, column 12: a class without its closing bracket");
  refused("root ::= (\"a\"", "line 1, column 14: wanted )");
  refused("root ::= \"a\")", "line 1, column 13: wanted the end of the rule");
  refused("root ::= \"\\q\"", "line 1, column 13: an unknown escape");
  refused("root ::= \"\\ud800\"", "line 1, column 13: an escape of no character");
  refused("root ::= \"a\"{3,1}", "line 1, column 18: the bounds of {} are out of order");
  refused("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 13: the rule root is defined twice");
  refused("root ::= root \"a\" | \"b\"", "the rule root begins with itself");
  refused("root ::= a? root2\nroot2 ::= root\na ::= \"x\"", "the rule root begins with itself");
  refused("root ::= \"(\" root \")\"", "no text can match root");
  refused("root ::= \"a\"{1000000000}", "line 1, column 20: repeating more than");
}

}  // namespace
}  // namespace saccade::grammar
