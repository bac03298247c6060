// SentencePiece vocabularies with merges in place of scores give the same ids.
#include "convert/sentencepiece_merges.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/json.h"
#include "checkpoint/gguf_tokenizer.h"
#include "text/tokenizer.h"

namespace saccade::conversion {
namespace {

namespace fs = std::filesystem;

const boost::json::value kScores = boost::json::parse(R"({
  "version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
  "post_processor": null, "decoder": null,
  "model": {"type": "SentencePieceBpe", "unk_token": "<unk>",
            "vocab": {"<unk>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "bc": 5, "abc": 6},
            "scores": [0, -9, -9, -9, -2, -1, -3]}})");

TEST(SentencePieceMerges, BestScoresFirst) {
  const boost::json::value document = with_merges(kScores);
  const auto& model = document.at("model").as_object();
  EXPECT_EQ(model.at("type"), "BPE");
  EXPECT_EQ(model.at("unk_token"), "<unk>");
  EXPECT_EQ(model.at("byte_fallback"), false);
  EXPECT_EQ(boost::json::serialize(model.at("merges")),
            R"([["b","c"],["a","b"],["ab","c"],["a","bc"]])");
  const auto tokenizer = text::Tokenizer::from_json(document, "merges");
  const auto scores = text::Tokenizer::from_json(kScores, "scores");
  for (const char* text : {"abc", "ab", "bcab", "aabbcc", "cba"}) {
    EXPECT_EQ(tokenizer.encode(text), scores.encode(text)) << text;
  }
}

TEST(SentencePieceMerges, OtherModelsStayWhatTheyAre) {
  const auto document = boost::json::parse(R"({"model": {"type": "BPE", "merges": []}})");
  EXPECT_EQ(with_merges(document), document);
}

TEST(SentencePieceMerges, ARealVocabularyGivesTheSameIds) {
  const fs::path path =
      fs::path(SACCADE_SOURCE_DIR) / "../shared/data/tokenizers/ggml-vocab-phi-3.gguf";
  if (!fs::exists(path)) GTEST_SKIP() << "no " << path << ": the vocabularies are not ours";
  const boost::json::value scores = checkpoint::tokenizer_json(checkpoint::GgufFile(path));
  const auto with_scores = text::Tokenizer::from_json(scores, "scores");
  const auto merged = text::Tokenizer::from_json(with_merges(scores), "merges");
  const std::string all = read_text_file(path.string() + ".inp");
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find(kSeparator, begin), all.size());
    const std::string text = all.substr(begin, end - begin);
    EXPECT_EQ(merged.encode(text), with_scores.encode(text)) << text;
    begin = end + kSeparator.size();
  }
}

}  // namespace
}  // namespace saccade::conversion
