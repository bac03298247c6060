// Schemas and documents made to take time or memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "base/error.h"
#include "base/json.h"
#include "grammar/matcher.h"

namespace saccade::grammar {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

Grammar schema(std::string_view text, Style style = Style::kDocument) {
  return Grammar::json_schema(parse_json(text, "schema"), "schema", style);
}

bool accepts(const Grammar& grammar, std::string_view text) {
  return !find_mismatch(grammar, text);
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string result;
  for (std::size_t i = 0; i < count; ++i) result += text;
  return result;
}

TEST(Hostile, DeepNestingTakesNoStack) {
  const std::size_t depth = 300'000;
  EXPECT_TRUE(accepts(schema("true"), repeated("[", depth) + repeated("]", depth)));
  EXPECT_TRUE(accepts(schema("true"), repeated("{\"a\":", depth) + "1" + repeated("}", depth)));
  EXPECT_FALSE(accepts(schema("true"), repeated("[", depth)));
}

TEST(Hostile, BoundsAreNumbersAndNoStates) {
  const Grammar grammar = schema(
      R"({"type": "array", "minItems": 2, "maxItems": 1000000000,
          "items": {"type": "string", "minLength": 1, "maxLength": 10000000}})");
  EXPECT_TRUE(accepts(grammar, "[\"a\", \"" + repeated("é", 500'000) + "\"]"));
  EXPECT_FALSE(accepts(grammar, "[\"a\"]"));
  const Grammar members = schema(R"({"type": "object", "minProperties": 9007199254740991})");
  EXPECT_FALSE(accepts(members, "{}"));
  const Grammar number = schema(R"({"minimum": 1e300, "maximum": 1e308})");
  EXPECT_TRUE(accepts(number, "1e301"));
  EXPECT_FALSE(accepts(number, "1e999999999999999999999"));
}

TEST(Hostile, ManyKeysTakeLinearTime) {
  const auto seconds = [](std::size_t count) {
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":0";
    }
    // The processor's time, which others on the machine do not lengthen.
    const std::clock_t begin = std::clock();
    EXPECT_TRUE(accepts(schema(R"({"type": "object"})"), text + "}"));
    EXPECT_FALSE(accepts(schema(R"({"type": "object"})"), text + ",\"k7\":0}"));
    return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  };
  // Four times the keys take about four times as long; squared it would be sixteen times.
  EXPECT_LT(seconds(80'000), 10 * seconds(20'000) + 0.2);
}

TEST(Hostile, ExponentialSchemasAreRefused) {
  EXPECT_THROW(Grammar::regex("(a|b)*a(a|b){30}"), Error);
  std::string product = R"({"allOf": [)";
  for (int i = 0; i < 20; ++i) {
    product += std::string(i ? "," : "") + R"({"anyOf": [{"required": ["a)" + std::to_string(i) +
               R"("]}, {"required": ["b)" + std::to_string(i) + R"("]}]})";
  }
  EXPECT_THAT([&] { schema(product + "]}"); }, ThrowsMessage<Error>(HasSubstr("alternatives")));
}

TEST(Hostile, LongChainsOfReferencesAreRefused) {
  const auto chain = [](int length) {
    std::string text = R"({"$ref": "#/$defs/s0", "$defs": {)";
    for (int i = 0; i < length; ++i) {
      text +=
          "\"s" + std::to_string(i) + R"(": {"$ref": "#/$defs/s)" + std::to_string(i + 1) + "\"}, ";
    }
    return text + "\"s" + std::to_string(length) + R"(": {"type": "null"}}})";
  };
  EXPECT_TRUE(accepts(schema(chain(400)), "null"));
  EXPECT_THAT([&] { schema(chain(50'000)); }, ThrowsMessage<Error>(HasSubstr("too deep")));
}

TEST(Hostile, LongChainsOfRulesAndQuantifiers) {
  const auto chain = [](int length) {
    std::string text = "root ::= r0\n";
    for (int i = 0; i < length; ++i) {
      text += "r" + std::to_string(i) + " ::= (((r" + std::to_string(i + 1) + ")))\n";
    }
    return text + "r" + std::to_string(length) + " ::= \"x\"\n";
  };
  EXPECT_TRUE(accepts(Grammar::gbnf(chain(1'900), "g"), "x"));
  EXPECT_THAT([&] { Grammar::gbnf(chain(100'000), "g"); },
              ThrowsMessage<Error>(HasSubstr("more than 2000 rules")));
  EXPECT_THAT([] { Grammar::gbnf("root ::= \"a\"" + repeated("?", 1'000'000), "g"); },
              ThrowsMessage<Error>(HasSubstr("too many quantifiers")));
}

TEST(Hostile, AmbiguityHasALimit) {
  // Both branches fit at every level, and differ only at the innermost value.
  const Grammar grammar = schema(
      R"({"anyOf": [{"type": "array", "items": {"$ref": "#"}, "maxItems": 5},
                    {"type": "array", "items": {"$ref": "#"}, "maxItems": 6}, {"type": "null"}]})");
  EXPECT_TRUE(accepts(grammar, "[[[[null]]]]"));
  EXPECT_THAT([&] { accepts(grammar, repeated("[", 64)); },
              ThrowsMessage<Error>(HasSubstr("too ambiguous")));
}

TEST(Hostile, LongNumbersAndStrings) {
  EXPECT_TRUE(accepts(schema(R"({"type": "number"})"), repeated("9", 1'000'000)));
  EXPECT_FALSE(accepts(schema(R"({"minimum": 5})"), repeated("9", 1'000'000)));
  EXPECT_TRUE(accepts(schema(R"({"minimum": 5})"), repeated("9", 1'000)));
  EXPECT_TRUE(accepts(schema(R"({"type": "string"})"), "\"" + repeated("\\u0041", 200'000) + "\""));
}

}  // namespace
}  // namespace saccade::grammar
