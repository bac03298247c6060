// What is taken for a model's answer, and what is said of what is none.
#include "photos/vlm/json_answer.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace saccade::photos {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Grammar& tags() {
  static const Grammar grammar = Grammar::json_schema(R"({"type": "object",
      "properties": {"entities": {"type": "array", "items": {"type": "string"}}},
      "required": ["entities"], "additionalProperties": false})",
                                                      "schema");
  return grammar;
}

std::string text_of(std::string_view answer, const Grammar* schema = &tags()) {
  return read_json_answer(answer, schema, "m").text;
}

std::string error_of(std::string_view answer, const Grammar* schema = &tags()) {
  try {
    return "no error: " + read_json_answer(answer, schema, "m").text;
  } catch (const Error& error) {
    return error.what();
  }
}

constexpr std::string_view kDog = R"({"entities": ["dog"]})";

TEST(JsonAnswer, IsFoundInWhatStandsAroundIt) {
  EXPECT_EQ(text_of(kDog), kDog);
  EXPECT_EQ(text_of(" \n" + std::string(kDog) + "\n\n"), kDog);
  EXPECT_EQ(text_of("```json\n" + std::string(kDog) + "\n```"), kDog);
  EXPECT_EQ(text_of("Here {as asked} is [it]:\n" + std::string(kDog) + "\nEnjoy!"), kDog);
  EXPECT_EQ(read_json_answer(kDog, &tags(), "m").value.at("entities").at(0).as_string(), "dog");
}

TEST(JsonAnswer, IsTheOneThatTheSchemaAccepts) {
  const std::string thought = R"(<think>perhaps {"entities": "dog"}, or [1]?</think>)";
  EXPECT_EQ(text_of(thought + std::string(kDog)), kDog);
  EXPECT_EQ(text_of(thought + std::string(kDog), nullptr), R"({"entities": "dog"})");
}

TEST(JsonAnswer, MayComeAfterLongReasoning) {
  std::string thought;
  for (int i = 0; i < 1000; ++i) thought += "[a] {b} ";
  EXPECT_EQ(text_of(thought + std::string(kDog)), kDog);
}

TEST(JsonAnswer, MayHaveBracketsInItsTexts) {
  const std::string brackets = R"({"entities": ["}", "{[\"", "]"]})";
  EXPECT_EQ(text_of("so: " + brackets + " }"), brackets);
}

TEST(JsonAnswer, ThatIsNoneIsSaid) {
  EXPECT_EQ(error_of("I see a dog.\nIt\tbarks."),
            R"(m: wanted an answer in JSON, found "I see a dog. It barks.")");
  EXPECT_THAT(error_of(""), StartsWith("m: wanted an answer in JSON"));
  EXPECT_THAT(error_of(R"({"entities": ["dog")"), StartsWith("m: wanted an answer in JSON"));
}

TEST(JsonAnswer, ThatLeavesItsSchemaIsSaidWhere) {
  EXPECT_THAT(error_of(R"({"entities": [7]})"),
              StartsWith("m: the answer leaves its schema at line 1, column 15"));
  EXPECT_THAT(error_of(R"({"things": []})"), HasSubstr("leaves its schema"));
  EXPECT_THAT(error_of(R"({"entities": [], "entities": []})"), HasSubstr("leaves its schema"));
  // The first is shown: what came after it was hardly meant.
  EXPECT_THAT(error_of(R"({"entities": 1} {"b": 2})"), HasSubstr(R"({"entities": 1})"));
}

TEST(JsonAnswer, IsBoundedInSizeAndDepth) {
  EXPECT_THAT(error_of(std::string((1 << 20) + 1, 'x')), HasSubstr("1048577 bytes"));
  EXPECT_THAT(error_of(std::string(1 << 20, '[')), StartsWith("m: wanted an answer in JSON"));
  EXPECT_THAT(error_of(std::string(1 << 20, '{'), nullptr), StartsWith("m: wanted"));
}

TEST(Excerpt, IsOneLineOfValidText) {
  EXPECT_EQ(excerpt("a\r\n\x1b[31mb\x80\xff"), "a [31mb\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(excerpt("gr\xC3\xBC\xC3\x9F"
                    "e",
                    4),
            "gr\xC3\xBC...");
}

}  // namespace
}  // namespace saccade::photos
