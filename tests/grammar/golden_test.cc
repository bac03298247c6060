// Random schemas and documents against what Python's jsonschema says of them
// (tools/goldens/schemas.py).
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/error.h"
#include "base/json.h"
#include "grammar/matcher.h"
#include "validator.h"

namespace saccade::grammar {
namespace {

namespace json = boost::json;

std::vector<json::value> golden_lines() {
  std::ifstream file(SACCADE_SOURCE_DIR "/tests/goldens/grammar/schemas.jsonl");
  std::vector<json::value> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(parse_json(line, "schemas.jsonl"));
  return lines;
}

TEST(Goldens, SameDocumentsAsJsonschema) {
  std::size_t documents = 0;
  for (const json::value& line : golden_lines()) {
    const json::value& schema = line.at("schema");
    try {
      const Grammar grammar = Grammar::json_schema(schema, "schema", Style::kDocument);
      for (const char* kind : {"valid", "invalid"}) {
        for (const json::value& text : line.at(kind).as_array()) {
          const auto mismatch = find_mismatch(grammar, std::string_view(text.as_string()));
          EXPECT_EQ(mismatch.has_value(), std::string_view(kind) == "invalid") << schema << "\n"
                                                                               << text.as_string();
          ++documents;
        }
      }
    } catch (const Error& error) {
      ADD_FAILURE() << error.what() << "\n" << schema;
    }
  }
  EXPECT_GT(documents, 4'000u);
}

// The validator of these tests is held against jsonschema too, so that it may judge random answers.
TEST(Goldens, ValidatorAgrees) {
  for (const json::value& line : golden_lines()) {
    const json::value& schema = line.at("schema");
    for (const char* kind : {"valid", "invalid"}) {
      for (const json::value& text : line.at(kind).as_array()) {
        const std::string_view document = text.as_string();
        if (!is_plain_json(document)) {
          EXPECT_STREQ(kind, "invalid") << document;
          continue;
        }
        EXPECT_EQ(is_valid(json::parse(document), schema, schema),
                  std::string_view(kind) == "valid")
            << schema << "\n"
            << document;
      }
    }
  }
}

// Every schema also has answers, written byte by byte as a model writes them.
TEST(Goldens, RandomAnswersAreValid) {
  std::mt19937 random(5);
  int finished = 0;
  for (const json::value& line : golden_lines()) {
    const json::value& schema = line.at("schema");
    const Grammar grammar = Grammar::json_schema(schema, "schema", Style::kGeneration);
    for (int walk = 0; walk < 5; ++walk) {
      Matcher matcher(grammar);
      std::string answer;
      while (!matcher.must_end() && answer.size() < 400) {
        // Ends are taken as soon as the answer is long.
        if (matcher.complete() && random() % 400 < answer.size() * 4) break;
        std::string allowed;
        for (int byte = 0x09; byte < 0x7F; ++byte) {
          const char c = static_cast<char>(byte);
          Matcher guess = matcher;
          if (guess.accept(std::string_view(&c, 1))) allowed += c;
        }
        if (allowed.empty()) allowed = matcher.forced(1);
        if (allowed.empty()) break;  // inside a character beyond ASCII
        const char* closing = "\"}]";
        char c = allowed[random() % allowed.size()];
        if (answer.size() > 150 && allowed.find_first_of(closing) != std::string::npos) {
          c = allowed[allowed.find_first_of(closing)];
        }
        ASSERT_TRUE(matcher.accept(std::string_view(&c, 1)));
        answer += c;
      }
      if (!matcher.complete()) continue;
      ++finished;
      ASSERT_TRUE(is_plain_json(answer)) << schema << "\n" << answer;
      ASSERT_TRUE(is_valid(json::parse(answer), schema, schema)) << schema << "\n" << answer;
    }
  }
  EXPECT_GT(finished, 1'200);
}

}  // namespace
}  // namespace saccade::grammar
