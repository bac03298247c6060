// tokenizer.json documents that are broken or ask for what is not supported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "byte_level_document.h"
#include "text/tokenizer.h"

namespace saccade::text {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing::ThrowsMessage;

constexpr std::string_view kModel =
    R"({"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]})";

struct Case {
  std::string_view key;    // of the document, replaced by
  std::string_view value;  // this JSON
  std::string_view message;
};

void expect_refused(const Case& test) {
  boost::json::object document{{"model", parse_json(kModel, "model")}};
  Tokenizer::from_json(document, "t");  // good before the change
  document[test.key] = parse_json(test.value, "value");
  EXPECT_THAT([&] { Tokenizer::from_json(document, "t.json"); },
              ThrowsMessage<Error>(AllOf(StartsWith("t.json"), HasSubstr(std::string(test.message)),
                                         Not(HasSubstr("\n")))))
      << test.key << ": " << test.value;
}

TEST(TokenizerDocuments, BrokenModels) {
  for (const Case& test : std::initializer_list<Case>{
           {"model", "null", "\"model\" is missing"},
           {"model", "[]", "wanted a JSON object"},
           {"model", "{}", "\"type\" is missing"},
           {"model", R"({"type": "WordPiece", "vocab": {}})", "model \"WordPiece\" is not"},
           {"model", R"({"type": "Unigram", "vocab": {}})", "\"vocab\" must be a list"},
           {"model", R"({"type": "Unigram", "vocab": [["a"]]})", "vocab[0] must be a token and"},
           {"model", R"({"type": "Unigram", "vocab": [["a", "b"]]})", "vocab[0] must be a token"},
           {"model", R"({"type": "Unigram", "vocab": [["a", 1]], "unk_id": 1})", "\"unk_id\" must"},
           {"model", R"({"type": "Unigram", "vocab": [], "unk_id": 0})", "\"vocab\" is empty"},
           {"model", R"({"type": "SentencePieceBpe", "vocab": {"a": 1}, "scores": [0]})",
            "a list of 2 numbers"},
           {"model", R"({"type": "SentencePieceBpe", "vocab": {"a": 0}, "scores": ["x"]})",
            "scores[0] must be a number"},
           {"model", R"({"type": 7})", "\"type\" must be a string"},
           {"model", R"({"type": "BPE", "vocab": {}})", "\"merges\" is missing"},
           {"model", R"({"type": "BPE", "merges": []})", "\"vocab\" is missing"},
           {"model", R"({"type": "BPE", "vocab": [], "merges": []})",
            "\"vocab\" must be an object"},
           {"model", R"({"type": "BPE", "vocab": {}, "merges": {}})", "\"merges\" must be a list"},
           {"model", R"({"type": "BPE", "vocab": {"a": -1}, "merges": []})", "found \"-1\""},
           {"model", R"({"type": "BPE", "vocab": {"a": 1.5}, "merges": []})", "the id of \"a\""},
           {"model", R"({"type": "BPE", "vocab": {"a": "1"}, "merges": []})", "the id of \"a\""},
           {"model", R"({"type": "BPE", "vocab": {"a\n": null}, "merges": []})",
            "the id of \"a \""},
           {"model", R"({"type": "BPE", "vocab": {"a": 4194304}, "merges": []})", "[0, 4194304)"},
           {"model", R"({"type": "BPE", "vocab": {"a": 99999999999999999999}, "merges": []})",
            "the id of \"a\""},
           {"model", R"({"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []})", "given twice"},
           {"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a"]})", "merges[0] must be"},
           {"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a a a"]})", "merges[0]"},
           {"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]})", "merges[0]"},
           {"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": [["a", 1]]})", "merges[0]"},
           {"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": [7]})", "merges[0]"},
           {"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a a"]})",
            "merges[0]: \"aa\" is not in the vocabulary"},
           {"model", R"({"type": "BPE", "vocab": {"a": 0}, "merges": ["a c"]})", "\"c\" is not in"},
           {"model", R"({"type": "BPE", "vocab": {}, "merges": [], "dropout": 0.1})",
            "\"dropout\""},
           {"model", R"({"type": "BPE", "vocab": {}, "merges": [], "end_of_word_suffix": "</w>"})",
            "\"end_of_word_suffix\" \"</w>\" is not supported"},
           {"model", R"({"type": "BPE", "vocab": {}, "merges": [], "byte_fallback": 1})",
            "\"byte_fallback\" must be true or false"},
       }) {
    expect_refused(test);
  }
}

TEST(TokenizerDocuments, UnsupportedParts) {
  for (const Case& test : std::initializer_list<Case>{
           {"normalizer", "7", "normalizer: wanted a JSON object"},
           {"normalizer", R"({"type": "BertNormalizer"})", "\"BertNormalizer\" is not supported"},
           {"normalizer",
            R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "X"}]})",
            "normalizers[1]: normalizer \"X\" is not supported"},
           {"normalizer", R"({"type": "Replace", "pattern": {}, "content": ""})", "\"String\" or"},
           {"normalizer", R"({"type": "Replace", "pattern": {"Regex": "a*"}, "content": ""})",
            "empty string"},
           {"normalizer", R"({"type": "Replace", "pattern": {"String": ""}, "content": ""})",
            "empty string"},
           {"pre_tokenizer", R"({"type": "Foo"})", "pre_tokenizer \"Foo\" is not supported"},
           {"pre_tokenizer", R"({"type": "Metaspace"})", "\"replacement\" is missing"},
           {"pre_tokenizer", R"({"type": "Metaspace", "replacement": "ab"})", "one character"},
           {"pre_tokenizer", R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "x"})",
            "prepend_scheme \"x\" is not supported"},
           {"pre_tokenizer", R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first",
             "add_prefix_space": false})",
            "contradict each other"},
           {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "AA"})", "not base64"},
           {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "A!!="})",
            "not base64"},
           {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "AAA="})",
            "charsmap is cut short"},
           {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "CAAAAAAAAAA="})",
            "claims a trie of 8 bytes, 4 are left"},
           {"post_processor", R"({"type": "TemplateProcessing", "single": [
             {"SpecialToken": {"id": "<s>", "type_id": 0}}], "special_tokens": {}})",
            "\"<s>\" is missing"},
           {"post_processor", R"({"type": "TemplateProcessing", "single": [
             {"Sequence": {"id": "B", "type_id": 0}}]})",
            "once, as \"A\""},
           {"post_processor", R"({"type": "BertProcessing", "sep": ["a", 1], "cls": ["b"]})",
            "\"cls\" must be a token and its id"},
           {"pre_tokenizer", R"({"type": "Sequence", "pretokenizers": {}})", "must be a list"},
           {"pre_tokenizer", R"({"type": "Split", "behavior": "Isolated", "invert": false,
             "pattern": {"Regex": "["}})",
            "an unclosed character class is not supported"},
           {"pre_tokenizer", R"({"type": "Split", "behavior": "Isolated", "invert": false,
             "pattern": {"Regex": "a{2,1}"}})",
            "the regular expression is not valid"},
           {"pre_tokenizer", R"({"type": "Split", "behavior": "Often", "invert": false,
             "pattern": {"String": "a"}})",
            "behavior \"Often\" is not supported"},
           {"post_processor", R"({"type": "Foo"})", "post_processor \"Foo\" is not supported"},
           {"decoder", R"({"type": "Metaspace"})", "\"replacement\" is missing"},
           {"decoder", R"({"type": "CTC"})", "decoder \"CTC\" is not supported"},
           {"decoder",
            R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Replace"}]})",
            "decoders[1]: decoder \"Replace\" on joined tokens is not supported"},
           {"decoder", R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
             {"type": "Strip", "content": " ", "start": 0, "stop": 1}]})",
            "\"Strip\""},
           {"decoder", R"({"type": "Strip", "content": "ab", "start": 0, "stop": 1})", "one char"},
           {"added_tokens", "{}", "added_tokens: must be a list"},
           {"added_tokens", "[3]", "added_tokens[0]: wanted a JSON object"},
           {"added_tokens", R"([{"id": 0}])", "added_tokens[0]: \"content\" is missing"},
           {"added_tokens", R"([{"id": -1, "content": "a"}])", "\"id\" must lie in"},
           {"added_tokens", R"([{"id": 1e9, "content": "a"}])", "\"id\" must lie in"},
       }) {
    expect_refused(test);
  }
}

TEST(TokenizerDocuments, NestingIsLimited) {
  std::string text = R"({"type": "NFC"})";
  for (int i = 0; i < 20; ++i) text = R"({"type": "Sequence", "normalizers": [)" + text + "]}";
  expect_refused({"normalizer", text, "nested more than"});
}

TEST(TokenizerDocuments, UnusualButValid) {
  for (const auto& [key, value] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"model", R"({"type": "BPE", "vocab": {}, "merges": []})"},
           {"model", R"({"type": "BPE", "vocab": {"": 4194303}, "merges": [["", ""]]})"},
           {"model", R"({"vocab": {"a": 3}, "merges": [], "dropout": 0.0, "unk_token": null,
             "continuing_subword_prefix": "", "end_of_word_suffix": null})"},
           {"truncation", R"({"max_length": 3})"},
           {"added_tokens", R"([{"id": 3, "content": ""}])"},
           {"post_processor", R"({"type": "TemplateProcessing", "single": []})"},
           {"unknown_key", "[]"},
       }) {
    boost::json::object document{{"model", parse_json(kModel, "model")}};
    document[key] = parse_json(value, "value");
    const Tokenizer tokenizer = Tokenizer::from_json(document, "t.json");
    tokenizer.decode(tokenizer.encode("abc \u00e9 <x>"), true);
  }
}

TEST(TokenizerDocuments, FilesInDirectories) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "saccade_tokenizer_documents_test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "tokenizer.json") << "{\"model\": " << kModel << "}";
  EXPECT_EQ(Tokenizer::from_file(folder).vocab_size(), 3);
  EXPECT_EQ(Tokenizer::from_file(folder / "tokenizer.json").vocab_size(), 3);
  std::ofstream(folder / "tokenizer.json") << "{\"model\": ";
  EXPECT_THAT([&] { Tokenizer::from_file(folder); },
              ThrowsMessage<Error>(AllOf(HasSubstr("tokenizer.json"), HasSubstr("line 1"))));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace saccade::text
