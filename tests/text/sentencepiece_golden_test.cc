// Tokenizers of SentencePiece's kinds against Hugging Face tokenizers: ids with and without special
// tokens, and texts of ids. tests/goldens/README.md says how they were made.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace saccade::text {
namespace {

using Ids = std::vector<std::int32_t>;

const std::filesystem::path kFolder =
    std::filesystem::path(SACCADE_SOURCE_DIR) / "tests/goldens/tokens/sentencepiece";

std::string streamed(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  StreamingDetokenizer detokenizer(tokenizer, skip_special);
  std::string text;
  for (const std::int32_t id : ids) text += detokenizer.add(id);
  return text + detokenizer.finish();
}

void expect_text(const Tokenizer& tokenizer, const Ids& ids, bool skip_special,
                 const boost::json::value& wanted) {
  EXPECT_EQ(tokenizer.decode(ids, skip_special), wanted.as_string());
  EXPECT_EQ(streamed(tokenizer, ids, skip_special), wanted.as_string());
}

class SentencePieceGoldens : public testing::TestWithParam<const char*> {};

TEST_P(SentencePieceGoldens, IdsAndTexts) {
  const std::string name = GetParam();
  const Tokenizer tokenizer = Tokenizer::from_file(kFolder / (name + ".tokenizer.json"));
  std::ifstream file(kFolder / (name + ".jsonl"));
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    SCOPED_TRACE(line);
    const boost::json::value value = parse_json(line, name);
    const boost::json::object& golden = value.as_object();
    const std::string_view text = golden.at("text").as_string();
    const Ids ids = boost::json::value_to<Ids>(golden.at("ids"));
    const Ids special = boost::json::value_to<Ids>(golden.at("special"));
    EXPECT_EQ(tokenizer.encode(text), ids);
    EXPECT_EQ(tokenizer.encode(text, {.add_special = true}), special);
    expect_text(tokenizer, special, false, golden.at("decoded"));
    expect_text(tokenizer, special, true, golden.at("decoded_plain"));
    const Ids cut(ids.begin() + (ids.size() > 3 ? 1 : 0), ids.end());
    expect_text(tokenizer, cut, true, golden.at("decoded_cut"));
  }
  EXPECT_GE(count, 250);
}

INSTANTIATE_TEST_SUITE_P(Kinds, SentencePieceGoldens,
                         testing::Values("llama", "phi3", "mistral", "gemma", "metaspace_bpe",
                                         "metaspace_never", "t5", "xlmr", "albert",
                                         "unigram_bytes"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace saccade::text
