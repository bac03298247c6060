// "uniqueItems" and "contains" on random arrays: accepted exactly where a plain validator accepts.
#include <gtest/gtest.h>

#include <random>

#include "base/json.h"
#include "grammar/matcher.h"
#include "validator.h"

namespace saccade::grammar {
namespace {

const char* const kSchemas[] = {
    R"({"items": {"enum": ["a", "ab", 1, 2.5, null, true, [1, "a"], {"k": 1}]}, "uniqueItems": true})",
    R"({"items": {"enum": ["a", 1, null, {"k": 1}]}, "uniqueItems": true, "minItems": 2, "maxItems": 3})",
    R"({"items": {"type": ["boolean", "null"]}, "uniqueItems": true})",
    R"({"items": {"type": ["integer", "null"], "minimum": -0.5, "exclusiveMaximum": 2}, "uniqueItems": true})",
    R"({"items": {"anyOf": [{"const": "a"}, {"enum": ["ab", 1, 2.5]}], "type": "string"}, "uniqueItems": true})",
    R"({"contains": {"type": "string"}})",
    R"({"contains": {"type": "number", "minimum": 2}, "maxContains": 1, "maxItems": 4})",
    R"({"contains": {"enum": ["a", 1]}, "minContains": 2, "maxContains": 3})",
    R"({"contains": {"type": "object", "required": ["k"]}, "items": {"not": {"type": "null"}}})",
    R"({"contains": {"const": "a"}, "minContains": 0, "maxContains": 0, "minItems": 1})",
    R"({"contains": false, "minContains": 0, "maxContains": 0, "items": {"type": "number"}})",
    R"({"not": {"contains": {"type": "string"}, "maxContains": 1}})",
};

/// Values in several spellings, of which the first is that of a model.
const std::vector<std::vector<std::string>> kValues = {{R"("a")", R"("\u0061")"},
                                                       {R"("ab")"},
                                                       {"1", "1.0", "1e0", "10e-1"},
                                                       {"2.5", "25E-1"},
                                                       {"null"},
                                                       {"true"},
                                                       {"false"},
                                                       {R"([1, "a"])", R"([1.0,"a"])"},
                                                       {R"({"k": 1})", R"({ "k":1.00})"},
                                                       {R"({"k": 2})"},
                                                       {"7"}};

/// An array of up to six of them, often the same ones.
std::string array_of(std::mt19937& random, bool compact) {
  const std::size_t kinds = 1 + random() % kValues.size();
  const std::size_t first = random() % kValues.size();
  const std::size_t size = random() % 7;
  std::string text = "[";
  for (std::size_t i = 0; i < size; ++i) {
    const auto& spellings = kValues[(first + random() % kinds) % kValues.size()];
    if (i > 0) text += compact || random() % 2 == 0 ? ", " : " ,\n";
    text += compact ? spellings[0] : spellings[random() % spellings.size()];
  }
  return text + "]";
}

class CountedItems : public testing::TestWithParam<Style> {};

TEST_P(CountedItems, AcceptedExactlyWhereTheyAreValid) {
  std::mt19937 random(5);
  for (const char* text : kSchemas) {
    const boost::json::value schema = parse_json(text, "schema");
    const Grammar grammar = Grammar::json_schema(schema, "schema", GetParam());
    int valid = 0;
    int invalid = 0;
    for (int round = 0; round < 2'000; ++round) {
      const std::string array = array_of(random, GetParam() == Style::kGeneration);
      const bool wanted = is_valid(boost::json::parse(array), schema, schema);
      ++(wanted ? valid : invalid);
      ASSERT_EQ(!find_mismatch(grammar, array), wanted) << text << "\n" << array;
    }
    EXPECT_GT(valid, 20) << text;
    EXPECT_GT(invalid, 20) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Styles, CountedItems,
                         testing::Values(Style::kDocument, Style::kGeneration));

TEST(UniqueItems, WhatIsLeftIsForced) {
  Matcher matcher(Grammar::json_schema(
      parse_json(R"({"type": "array", "items": {"enum": ["red", "green", "blue"]},
                     "uniqueItems": true, "minItems": 3})",
                 "schema"),
      "schema", Style::kGeneration));
  ASSERT_TRUE(matcher.accept("[\"green\", \"r"));
  EXPECT_EQ(matcher.forced(), "ed\", \"blue\"]");
}

}  // namespace
}  // namespace saccade::grammar
