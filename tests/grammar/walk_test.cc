// Random answers that follow the masks: none gets stuck, and what is complete is valid, says a
// validator that shares nothing with the automata.
#include <gtest/gtest.h>

#include <random>
#include <regex>

#include "base/json.h"
#include "grammar/matcher.h"
#include "validator.h"

namespace saccade::grammar {
namespace {

const char* const kSchemas[] = {
    R"({"type": "object", "properties": {"a": {"type": "integer", "minimum": -12, "maximum": 340}, "b": {"type": "number", "multipleOf": 0.05, "minimum": 0.3, "maximum": 1.2}, "c": {"type": "string", "pattern": "^[a-c]{2,5}x?$", "maxLength": 4}}, "required": ["b"], "additionalProperties": false})",
    R"({"type": "object", "properties": {"k": {"enum": ["x", "y", 3, null, {"p": [1, 2]}]}, "l": {"type": ["boolean", "null"]}}, "minProperties": 1, "maxProperties": 1})",
    R"({"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "string", "minLength": 2, "maxLength": 3}], "items": {"type": "integer", "multipleOf": 7}, "minItems": 1, "maxItems": 4})",
    R"({"type": "object", "patternProperties": {"^x[ab]$": {"type": "integer"}}, "additionalProperties": false, "minProperties": 1})",
    R"({"type": "object", "propertyNames": {"pattern": "^[ab]{1,2}$"}, "additionalProperties": {"type": "null"}, "minProperties": 2, "maxProperties": 5})",
    R"({"oneOf": [{"type": "object", "properties": {"t": {"const": "n"}, "v": {"type": "number", "exclusiveMinimum": -0.5, "exclusiveMaximum": 0.25}}, "required": ["t", "v"], "additionalProperties": false}, {"type": "object", "properties": {"t": {"const": "s"}, "v": {"format": "date"}}, "required": ["t"], "additionalProperties": false}]})",
    R"({"$defs": {"tree": {"type": "object", "properties": {"v": {"type": "integer", "minimum": 0, "maximum": 9}, "l": {"$ref": "#/$defs/tree"}, "r": {"$ref": "#/$defs/tree"}}, "required": ["v"], "additionalProperties": false}}, "$ref": "#/$defs/tree"})",
    R"({"allOf": [{"type": "object", "properties": {"a": {"minimum": 2}, "b": {"type": "string", "maxLength": 4}}, "additionalProperties": {"type": "boolean"}}, {"properties": {"a": {"type": "integer", "maximum": 4}, "b": {"pattern": "^q"}}, "required": ["a", "b"]}]})",
    R"({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}}, "dependentRequired": {"a": ["c"], "b": ["a"]}, "additionalProperties": false})",
    R"({"type": "number", "minimum": -1.25, "maximum": 1.25, "not": {"enum": [0, 1]}})",
    R"({"if": {"type": "string"}, "then": {"maxLength": 2}, "else": {"type": "integer", "exclusiveMaximum": 0, "minimum": -30}})",
    R"({"type": "string", "not": {"pattern": "a"}, "minLength": 1, "maxLength": 6})",
    R"({"anyOf": [{"format": "uuid"}, {"format": "ipv4"}, {"format": "email"}], "type": "string"})",
    R"({"type": "integer", "multipleOf": 1000, "exclusiveMinimum": -2500})",
    R"({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.001})",
    R"({"enum": [1.5, -2, "\u0000\n\"\\", "é😀", [[], {}], {"a": {"b": null}}]})",
    R"({"type": "object"})",
    R"({"type": "object", "required": ["z"], "minProperties": 3})",
    R"({"type": "array", "items": {"enum": ["a", "ab", 1, 10, 1.0, null, [2]]}, "uniqueItems": true, "minItems": 5})",
    R"({"type": "array", "items": {"type": ["integer", "string"], "maxLength": 3, "maximum": 99, "minimum": 0}, "contains": {"type": "number", "minimum": 10}, "minContains": 2, "maxContains": 3, "minItems": 3, "maxItems": 5})",
    R"({"type": "object", "properties": {"tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "uniqueItems": true, "minItems": 1}}, "required": ["tags"], "additionalProperties": false, "$defs": {"tag": {"anyOf": [{"enum": ["x", "y", "z"]}, {"type": "boolean"}]}}})",
};

/// Bytes and a few tokens of several, so that answers end.
std::shared_ptr<const Vocabulary> vocabulary() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* text :
       {"\"}", "\", \"", "\": ", "]}", "}}", "0}", "1]", "\"]", "null", "true", "\x98\x80"}) {
    tokens.emplace_back(text);
  }
  tokens.emplace_back("<end>");
  const std::array end = {static_cast<std::int32_t>(tokens.size()) - 1};
  return std::make_shared<const Vocabulary>(std::move(tokens), end);
}

/// A random allowed token. Closing ones are preferred more and more, so that answers end.
std::int32_t choose(const std::vector<std::int32_t>& allowed, const Vocabulary& tokens,
                    std::size_t length, std::mt19937& random) {
  const auto closes = [&](std::int32_t token) {
    const std::string_view bytes = tokens.bytes(token);
    return bytes.empty() || bytes.back() == '}' || bytes.back() == ']' || bytes.back() == '"';
  };
  for (int tries = 0; tries < static_cast<int>(length / 20); ++tries) {
    const std::int32_t token = allowed[random() % allowed.size()];
    if (closes(token)) return token;
  }
  return allowed[random() % allowed.size()];
}

/// JSON, but the validator reckons with doubles, which would round these numbers.
bool beyond_doubles(const std::string& document) {
  static const std::regex large("[eE][+-]?0*[1-9][0-9]{2}|[0-9.]{17}");
  return std::regex_search(document, large);
}

TEST(RandomAnswers, AreNeverStuckAndAlwaysValid) {
  const auto tokens = vocabulary();
  std::mt19937 random(11);
  std::vector<std::uint64_t> bits(tokens->mask_words());
  for (const char* text : kSchemas) {
    const boost::json::value schema = parse_json(text, "schema");
    const auto masks = std::make_shared<const TokenMasks>(
        Grammar::json_schema(schema, "schema", Style::kGeneration), tokens);
    const Grammar document = Grammar::json_schema(schema, "schema", Style::kDocument);
    int finished = 0;
    for (int walk = 0; walk < 60; ++walk) {
      Matcher matcher(masks);
      std::string answer;
      for (std::size_t step = 0; step < 1'500 && !matcher.ended(); ++step) {
        ASSERT_NO_THROW(matcher.mask(bits)) << text << "\nis stuck behind " << answer;
        std::vector<std::int32_t> allowed;
        for (std::size_t t = 0; t < tokens->size(); ++t) {
          if ((bits[t / 64] >> (t % 64) & 1) != 0) allowed.push_back(static_cast<std::int32_t>(t));
        }
        const std::int32_t token = choose(allowed, *tokens, answer.size(), random);
        ASSERT_TRUE(matcher.accept(token)) << answer;
        if (!matcher.ended()) answer += tokens->bytes(token);
      }
      if (!matcher.ended()) continue;
      ++finished;
      ASSERT_TRUE(is_plain_json(answer)) << text << "\n" << answer;
      if (!beyond_doubles(answer)) {
        ASSERT_TRUE(is_valid(boost::json::parse(answer), schema, schema)) << text << "\n" << answer;
      }
      // What is generated is also a document.
      const auto mismatch = find_mismatch(document, answer);
      ASSERT_FALSE(mismatch) << text << "\n" << answer << "\nat " << mismatch->offset;
    }
    EXPECT_GE(finished, 20) << text;
  }
}

// Documents in any order, with spaces and escapes, against the validator: texts that were accepted
// are broken in random places, and those still accepted must still be valid.
TEST(RandomDocuments, AcceptedOnesAreValid) {
  std::mt19937 random(13);
  const std::string bytes = "{}[]\",:0123456789.-+eE\\ntrueabcxyz \n";
  int accepted = 0;
  for (const char* text : kSchemas) {
    const boost::json::value schema = parse_json(text, "schema");
    const Grammar grammar = Grammar::json_schema(schema, "schema", Style::kDocument);
    for (int round = 0; round < 300; ++round) {
      Matcher matcher(grammar);
      std::string document;
      for (int step = 0; step < 120 && !(matcher.complete() && random() % 3 == 0); ++step) {
        for (int tries = 0; tries < 40; ++tries) {
          const char byte = bytes[random() % bytes.size()];
          if (!matcher.accept(std::string_view(&byte, 1))) continue;
          document += byte;
          break;
        }
      }
      if (find_mismatch(grammar, document)) continue;
      if (beyond_doubles(document)) continue;
      ++accepted;
      ASSERT_TRUE(is_plain_json(document)) << text << "\n" << document;
      ASSERT_TRUE(is_valid(boost::json::parse(document), schema, schema)) << text << "\n"
                                                                          << document;
    }
  }
  EXPECT_GT(accepted, 500);
}

}  // namespace
}  // namespace saccade::grammar
