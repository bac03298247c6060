// Matchers and token masks: what is forced, copies, end tokens, and masks that say exactly what
// accept() takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "base/json.h"
#include "grammar/matcher.h"

namespace saccade::grammar {
namespace {

Grammar schema(std::string_view text, Style style = Style::kGeneration) {
  return Grammar::json_schema(parse_json(text, "schema"), "schema", style);
}

constexpr std::string_view kTags = R"({
  "type": "object", "additionalProperties": false, "required": ["title", "tags", "score"],
  "properties": {
    "title": {"type": "string", "minLength": 1, "maxLength": 12},
    "kind": {"enum": ["photo", "painting"]},
    "tags": {"type": "array", "minItems": 1, "maxItems": 3, "items": {
      "type": "object", "properties": {"name": {"type": "string", "pattern": "^[a-z]+$"},
      "weight": {"type": "number", "minimum": 0, "maximum": 1}}, "required": ["name"],
      "additionalProperties": false}},
    "score": {"type": "integer", "minimum": 1, "maximum": 10}}})";

/// Single bytes, some that cut characters, and the joints of JSON in many pieces.
std::shared_ptr<const Vocabulary> small_vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* text : {"{\"",
                           "\":",
                           "\": ",
                           "\",",
                           "\", ",
                           "\"}",
                           "\"]",
                           "\"}]",
                           "\"}, {\"",
                           ", \"",
                           ": \"",
                           "ab",
                           "abc",
                           "x\"",
                           "ab\", \"",
                           "title",
                           "tags",
                           "score",
                           "\": [{\"",
                           "12",
                           "10",
                           "10}",
                           "0.",
                           ".5",
                           "5}",
                           "1,",
                           "1, ",
                           "true",
                           "null",
                           "[]",
                           "{}",
                           "[[",
                           "]]",
                           "é",
                           "😀",
                           "\xc3",
                           "\xf0\x9f",
                           "\x98\x80",
                           "\\n",
                           "\\u00",
                           "\\\"",
                           "\\u0001",
                           "a\\",
                           "name\": \"",
                           "\"a\": 1",
                           "a\": 1, \"a",
                           "photo\", \"tags\"",
                           "long text that goes on and on",
                           "  ",
                           "\n",
                           "1e",
                           "-1",
                           "-",
                           "\", \"kind\": \"p",
                           "]}",
                           "}]}",
                           "\"\""}) {
    tokens.emplace_back(text);
  }
  tokens.emplace_back("<end>");
  tokens.emplace_back("");  // a special token
  const std::array end = {static_cast<std::int32_t>(tokens.size()) - 2};
  return std::make_shared<const Vocabulary>(std::move(tokens), end);
}

bool has(const std::vector<std::uint64_t>& bits, std::int32_t token) {
  return (bits[static_cast<std::size_t>(token) / 64] >> (token % 64) & 1) != 0;
}

std::string accepted_prefix(Matcher& matcher, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!matcher.accept(text.substr(i, 1))) return std::string(text.substr(0, i));
  }
  return std::string(text);
}

TEST(Matcher, ForcesWhatHasNoChoice) {
  Matcher matcher(schema(kTags));
  EXPECT_EQ(matcher.forced(), "{\"title\": \"");
  ASSERT_TRUE(matcher.accept("{\"title\": \"A\""));
  EXPECT_EQ(matcher.forced(), ", \"");  // kind or tags
  ASSERT_TRUE(matcher.accept(", \"k"));
  EXPECT_EQ(matcher.forced(), "ind\": \"p");
  ASSERT_TRUE(matcher.accept("ind\": \"ph"));
  EXPECT_EQ(matcher.forced(), "oto\", \"tags\": [{\"name\": \"");
  EXPECT_EQ(matcher.forced(5), "oto\",");
}

TEST(Matcher, CompactJsonInTheSchemasOrder) {
  const std::string good =
      R"({"title": "A b", "tags": [{"name": "x", "weight": 0.25}, {"name": "y"}], "score": 10})";
  Matcher matcher(schema(kTags));
  EXPECT_EQ(accepted_prefix(matcher, good), good);
  EXPECT_TRUE(matcher.complete());
  for (const auto& [text, until] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({ "title")", "{"},
           {R"({"tags")", "{\"t"},
           {R"({"title":"A")", R"({"title":)"},
           {R"({"title": "")", R"({"title": ")"},
           {R"({"title": "\u0041")", R"({"title": "\u00)"},
           {R"({"title": "\/")", R"({"title": "\)"},
           {R"({"title": "A", "score")", R"({"title": "A", ")"},
           {R"({"title": "A", "tags": [])", R"({"title": "A", "tags": [)"}}) {
    Matcher other(schema(kTags));
    EXPECT_EQ(accepted_prefix(other, text), until);
  }
  // A model need not invent keys, and may where the schema speaks of them.
  Matcher closed(schema(R"({"type": "object", "properties": {"a": {"type": "null"}}})"));
  EXPECT_EQ(accepted_prefix(closed, R"({"b")"), "{\"");
  Matcher open(schema(
      R"({"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": {"type": "null"}})"));
  EXPECT_EQ(accepted_prefix(open, R"({"b": null, "a": null})"), R"({"b": null, "a)");
}

TEST(Matcher, NumbersAreWrittenPlainly) {
  const auto prefix = [](std::string_view number, std::string_view text) {
    Matcher matcher(schema(number));
    const std::string accepted = accepted_prefix(matcher, text);
    return accepted + (matcher.complete() ? "" : "...");
  };
  EXPECT_EQ(prefix(R"({"type": "integer"})", "-120.5"), "-120");
  EXPECT_EQ(prefix(R"({"type": "integer"})", "-0"), "-...");
  EXPECT_EQ(prefix(R"({"type": "number"})", "1.5e-10"), "1.5e-10");
  EXPECT_EQ(prefix(R"({"type": "number", "minimum": 2.5, "maximum": 30})", "30.01"), "30.0");
  EXPECT_EQ(prefix(R"({"type": "number", "minimum": 2.5, "maximum": 30})", "2.4"), "2....");
  EXPECT_EQ(prefix(R"({"type": "number", "exclusiveMinimum": 0, "maximum": 1})", "0.000"),
            "0.000...");
  EXPECT_EQ(prefix(R"({"type": "number", "multipleOf": 0.25})", "1.3"), "1....");
  EXPECT_EQ(prefix(R"({"type": "number", "multipleOf": 0.25})", "1.251"), "1.25");
  EXPECT_EQ(
      prefix(R"({"type": "integer", "multipleOf": 12, "minimum": 100, "maximum": 110})", "109"),
      "10...");
  EXPECT_EQ(prefix(R"({"const": 1.50})", "1.50"), "1.5");
  Matcher matcher(
      schema(R"({"type": "integer", "multipleOf": 12, "minimum": 100, "maximum": 115})"));
  EXPECT_EQ(matcher.forced(), "108");
}

// A small model may write the same digit for ever; whichever it is, the number ends by itself.
TEST(Matcher, NumbersEnd) {
  constexpr std::size_t kLongest = 45;  // a sign, 20 digits, a point, 17 digits and an exponent
  for (const char* text : {
           R"({"type": "number"})",
           R"({"type": "integer"})",
           R"({"type": ["number", "null"], "minimum": 0})",
           R"({"type": "number", "maximum": -2.5})",
           R"({"type": "number", "minimum": 0, "maximum": 1})",
           R"({"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 1.1})",
           R"({"type": "number", "multipleOf": 0.25})",
           R"({"type": "integer", "multipleOf": 125, "minimum": -5})",
       }) {
    for (const char* begin : {"", "-", "0.", "1.", "-1.", "-3."}) {
      for (char digit = '0'; digit <= '9'; ++digit) {
        Matcher matcher(schema(text));
        const std::string written = begin + std::string(2 * kLongest, digit);
        EXPECT_LE(accepted_prefix(matcher, written).size(), kLongest) << text << ": " << written;
      }
    }
  }
}

TEST(Matcher, NumbersHaveTheDigitsThatTheirBoundsNeed) {
  const auto ends_with = [](std::string_view number, const std::string& text) {
    Matcher matcher(schema(number));
    return accepted_prefix(matcher, text) == text && matcher.complete();
  };
  EXPECT_TRUE(ends_with(R"({"type": "integer"})", "-9223372036854775808"));
  EXPECT_TRUE(ends_with(R"({"type": "integer"})", "18446744073709551615"));
  EXPECT_TRUE(ends_with(R"({"type": "number"})", "0.10000000000000001"));
  EXPECT_TRUE(ends_with(R"({"type": "integer", "minimum": 1e24})", "1" + std::string(24, '0')));
  EXPECT_TRUE(
      ends_with(R"({"type": "number", "exclusiveMaximum": -1e24})", "-1" + std::string(25, '0')));
  EXPECT_TRUE(ends_with(R"({"type": "number", "exclusiveMinimum": 0, "maximum": 1e-20})",
                        "0." + std::string(20, '0') + "5"));
  EXPECT_TRUE(ends_with(R"({"type": "number", "multipleOf": 1e-20, "maximum": 1})",
                        "0." + std::string(19, '0') + "3"));
  // Checking knows no such end.
  Matcher document(schema(R"({"type": "number", "maximum": 2})", Style::kDocument));
  const std::string zeros = "1." + std::string(500, '0');
  EXPECT_EQ(accepted_prefix(document, zeros), zeros);
  EXPECT_TRUE(document.complete());
}

TEST(Matcher, FiniteNamesRunOut) {
  Matcher matcher(schema(
      R"({"type": "object", "patternProperties": {"^[ab]$": {"const": 1}}, "additionalProperties": false, "minProperties": 2})"));
  ASSERT_TRUE(matcher.accept("{\"a"));
  EXPECT_EQ(matcher.forced(), "\": 1, \"b\": 1}");
}

TEST(Matcher, CopiesAreIndependent) {
  Matcher matcher(schema(kTags));
  ASSERT_TRUE(matcher.accept("{\"title\": \"A"));
  Matcher guess = matcher;
  ASSERT_TRUE(guess.accept("b\", \"score"
                           "") == false);
  ASSERT_TRUE(guess.accept("b\", \"tags\": [{"));
  EXPECT_TRUE(matcher.accept("c\", \"kind\": \"painting\""));
  EXPECT_FALSE(matcher.accept("x"));
  EXPECT_EQ(guess.forced(), "\"name\": \"");
  // A guess is kept by taking its place.
  matcher = guess;
  EXPECT_EQ(matcher.forced(), "\"name\": \"");
}

TEST(Masks, EndTokensOnlyWhenComplete) {
  const auto vocabulary = small_vocabulary();
  const auto masks = std::make_shared<const TokenMasks>(schema(R"({"enum": [1, 12]})"), vocabulary);
  const std::int32_t end = vocabulary->end_tokens().front();
  Matcher matcher(masks);
  std::vector<std::uint64_t> bits(vocabulary->mask_words());
  matcher.mask(bits);
  EXPECT_FALSE(has(bits, end));
  EXPECT_FALSE(matcher.accept(end));
  ASSERT_TRUE(matcher.accept(static_cast<std::int32_t>('1')));
  matcher.mask(bits);
  EXPECT_TRUE(has(bits, end));
  EXPECT_TRUE(has(bits, '2'));
  EXPECT_FALSE(has(bits, '3'));
  ASSERT_TRUE(matcher.accept(end));
  EXPECT_TRUE(matcher.ended());
  EXPECT_THROW(matcher.mask(bits), Error);
  EXPECT_FALSE(matcher.accept(end));
  EXPECT_THROW(TokenMasks(schema("true", Style::kDocument), vocabulary), Error);
}

// The heart of it: at every step of random answers, each token by each token.
TEST(Masks, SayExactlyWhatIsAccepted) {
  const auto vocabulary = small_vocabulary();
  std::vector<Grammar> grammars = {
      schema(kTags),
      Grammar::json_object(Style::kGeneration),
      Grammar::regex("[a-c]*(x|\\d{2,5})é?"),
      schema(
          R"({"type": "object", "patternProperties": {"^[ab]{1,2}$": {"type": "integer"}}, "additionalProperties": false})"),
      schema(
          R"({"anyOf": [{"type": "string", "maxLength": 3}, {"type": "array", "items": {"$ref": "#"}}, {"type": "number"}]})"),
      schema(
          R"({"type": "object", "properties": {"a": {"enum": ["\u0001", "\n", "a\"b", "😀"]}}, "additionalProperties": {"type": "boolean"}})"),
      Grammar::gbnf("root ::= \"[\" (root (\", \" root)*)? \"]\" | [a-z0-9\"]+ | \"{\" root \"}\"",
                    "g"),
      Grammar::choice(std::vector<std::string>{"true", "null", "ab\", \"x", "10}"})};
  std::mt19937 random(7);
  std::vector<std::uint64_t> bits(vocabulary->mask_words());
  for (const Grammar& grammar : grammars) {
    const auto masks = std::make_shared<const TokenMasks>(grammar, vocabulary);
    for (int walk = 0; walk < 30; ++walk) {
      Matcher matcher(masks);
      for (int step = 0; step < 60 && !matcher.ended(); ++step) {
        matcher.mask(bits);
        std::vector<std::int32_t> allowed;
        for (std::size_t t = 0; t < vocabulary->size(); ++t) {
          const auto token = static_cast<std::int32_t>(t);
          Matcher copy = matcher;
          const bool accepted = copy.accept(token);
          ASSERT_EQ(has(bits, token), accepted) << "token " << vocabulary->bytes(token);
          if (accepted) allowed.push_back(token);
        }
        ASSERT_FALSE(allowed.empty());
        ASSERT_TRUE(matcher.accept(allowed[random() % allowed.size()]));
      }
    }
  }
}

}  // namespace
}  // namespace saccade::grammar
