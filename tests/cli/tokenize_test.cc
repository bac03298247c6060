// saccade tokenize.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "checkpoint/gguf_bytes.h"
#include "model_copy.h"
#include "process.h"
#include "temporary_directory.h"

namespace saccade::cli {
namespace {

namespace fs = std::filesystem;

Outcome tokenize(std::vector<std::string> arguments, const std::string& input) {
  arguments.insert(arguments.begin(), "tokenize");
  return run_program(Invocation{std::move(arguments), input, {}, {}, ""});
}

std::string output_of(const std::vector<std::string>& arguments, const std::string& input) {
  const Outcome outcome = tokenize(arguments, input);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

std::string write_vocabulary(const TemporaryDirectory& directory) {
  GgufBytes bytes;
  bytes.set("tokenizer.ggml.model", "llama")
      .set("tokenizer.ggml.tokens",
           std::vector<std::string>{"<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "<0x0A>"})
      .set("tokenizer.ggml.token_type", std::vector<std::int32_t>{2, 3, 3, 1, 1, 1, 1, 6})
      .set("tokenizer.ggml.scores", std::vector<float>(8, 0.0f));
  return directory.write("vocabulary.gguf", bytes.bytes()).string();
}

TEST(Tokenize, VocabularyOfAGgufFile) {
  const TemporaryDirectory directory;
  const std::string model = write_vocabulary(directory);
  EXPECT_EQ(output_of({model}, "ab a\n"), "[3, 6, 3, 4, 7]\n");
  EXPECT_EQ(output_of({model, "--special"}, "ab"), "[1, 3, 6]\n");
  EXPECT_EQ(output_of({model}, "a</s>"), "[3, 4, 2]\n");
  EXPECT_EQ(output_of({model}, ""), "[]\n");
  EXPECT_EQ(output_of({model, "--detokenize"}, "[3, 6, 3, 4, 7]"), "ab a\n");
  EXPECT_EQ(output_of({model, "--detokenize"}, "[]"), "");
}

TEST(Tokenize, CheckpointsAndTheBuiltInModel) {
  const std::string text = "What is in this picture?<|im_end|>\n \u00e9 ";
  for (const std::string& model : {golden_model(), std::string("glance")}) {
    const std::string ids = output_of({model}, text);
    EXPECT_GT(parse_json(ids, "output").as_array().size(), 3u);
    EXPECT_EQ(output_of({model, "--detokenize"}, ids), text);
  }
}

TEST(Tokenize, MistakesAreOneLine) {
  const TemporaryDirectory directory;
  const std::string model = write_vocabulary(directory);
  const auto back = [&](const std::string& input) {
    return tokenize({model, "--detokenize"}, input);
  };
  expect_refused(back("[1"), 1, "standard input");
  expect_refused(back("{}"), 1, "wanted a JSON array of token ids");
  expect_refused(back("[1, \"a\"]"), 1, "token 2: wanted a token id, found \"a\"");
  expect_refused(back("[1.5]"), 1, "token 1: wanted a token id, found 1.5");
  expect_refused(back("[4294967297]"), 1, "wanted a token id");
  expect_refused(back("[8]"), 1, "the id 8 is not in the vocabulary, which has 0 to 7");
  expect_refused(back("[-1]"), 1, "the id -1 is not in the vocabulary");
  expect_refused(tokenize({model, "--detokenize", "--special"}, "[]"), 2, "--special");
  expect_refused(tokenize({}, ""), 2, "MODEL");
  expect_refused(tokenize({directory.file("none.gguf")}, ""), 1, "none.gguf");
  const TemporaryDirectory empty;
  expect_refused(tokenize({empty.path().string()}, ""), 1, "tokenizer.json");
  directory.write("broken.gguf", "GGUF");
  expect_refused(tokenize({directory.file("broken.gguf")}, ""), 1, "broken.gguf: the file ends");
}

TEST(Tokenize, LlamaCppVocabularies) {
  const fs::path folder = fs::path(SACCADE_SOURCE_DIR) / "../shared/data/tokenizers";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder << ": the vocabularies are not ours";
  const std::string phi3 = (folder / "ggml-vocab-phi-3.gguf").string();
  EXPECT_EQ(output_of({phi3}, "Hello, world!"), "[15043, 29892, 3186, 29991]\n");
  EXPECT_EQ(output_of({phi3, "--special"}, "Hello, world!"), "[1, 15043, 29892, 3186, 29991]\n");
  const std::string falcon = (folder / "ggml-vocab-falcon.gguf").string();
  EXPECT_EQ(output_of({falcon, "--special"}, "Hello World"), output_of({falcon}, "Hello World"));
}

}  // namespace
}  // namespace saccade::cli
