// Tokenizers out of GGUF files: as documents, and as llama.cpp's own expected ids.
#include "checkpoint/gguf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/gguf_pretokenizers.h"
#include "gguf_bytes.h"
#include "temporary_directory.h"
#include "text/tokenizer.h"

namespace saccade::checkpoint {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Ids = std::vector<std::int32_t>;
using Strings = std::vector<std::string>;

const fs::path kVocabularies = fs::path(SACCADE_SOURCE_DIR) / "../shared/data/tokenizers";

text::Tokenizer open(const fs::path& path) {
  return text::Tokenizer::from_json(tokenizer_json(GgufFile(path)), path.string());
}

std::vector<std::string> texts_of(const fs::path& path) {
  const std::string all = read_text_file(path);
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> texts;
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find(kSeparator, begin), all.size());
    texts.push_back(all.substr(begin, end - begin));
    begin = end + kSeparator.size();
  }
  return texts;
}

class LlamaCppVocabulary : public testing::TestWithParam<const char*> {};

TEST_P(LlamaCppVocabulary, ReproducesEveryId) {
  const fs::path path = kVocabularies / fmt::format("ggml-vocab-{}.gguf", GetParam());
  if (!fs::exists(path)) GTEST_SKIP() << "no " << path << ": the vocabularies are not ours";
  const text::Tokenizer tokenizer = open(path);
  const std::vector<std::string> texts = texts_of(path.string() + ".inp");
  std::ifstream out(path.string() + ".out");
  std::size_t count = 0;
  for (std::string line; std::getline(out, line); ++count) {
    ASSERT_LT(count, texts.size());
    Ids wanted;
    std::istringstream numbers(line);
    for (std::int32_t id; numbers >> id;) wanted.push_back(id);
    EXPECT_EQ(tokenizer.encode(texts[count]), wanted) << "text " << count << ": " << texts[count];
    EXPECT_EQ(tokenizer.decode(wanted, false), texts[count]);
  }
  EXPECT_EQ(count, texts.size());
  EXPECT_GT(count, 40u);
}

INSTANTIATE_TEST_SUITE_P(All, LlamaCppVocabulary, testing::Values("falcon", "starcoder", "phi-3"),
                         [](const auto& vocabulary) {
                           return vocabulary.param == std::string("phi-3") ? "phi3"
                                                                           : vocabulary.param;
                         });

GgufBytes llama() {
  GgufBytes bytes;
  bytes.set("tokenizer.ggml.model", "llama")
      .set("tokenizer.ggml.tokens", Strings{"<unk>", "<s>", "</s>", "<|x|>", "\u2581", "a", "b",
                                            "ab", "\u2581a", "<0xC3>", "<0xA9>", ""})
      .set("tokenizer.ggml.token_type",
           std::vector<std::int32_t>{2, 3, 3, 4, 1, 1, 1, 1, 1, 6, 6, 5})
      .set("tokenizer.ggml.scores", std::vector<float>(12, -1.0f));
  return bytes;
}

GgufBytes byte_level(std::string_view pre) {
  GgufBytes bytes;
  bytes.set("tokenizer.ggml.model", "gpt2")
      .set("tokenizer.ggml.pre", pre)
      .set("tokenizer.ggml.tokens", Strings{"a", "b", "\u0120", "ab", "<|end|>", "1"})
      .set("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 1, 1, 1, 3, 1})
      .set("tokenizer.ggml.merges", Strings{"a b"})
      .set("tokenizer.ggml.eos_token_id", std::uint32_t{4});
  return bytes;
}

constexpr text::EncodeOptions kSpecial{.add_special = true};

TEST(GgufTokenizer, SentencePieceBpe) {
  const TemporaryDirectory directory;
  const auto path = directory.write("m.gguf", llama().bytes());
  const text::Tokenizer tokenizer = open(path);
  EXPECT_THAT(tokenizer.encode("ab a"), ElementsAre(8, 6, 8));
  EXPECT_THAT(tokenizer.encode("\u00e9<|x|>b</s>"), ElementsAre(4, 9, 10, 3, 4, 6, 2));
  EXPECT_THAT(tokenizer.encode("a", kSpecial), ElementsAre(1, 8));
  EXPECT_EQ(tokenizer.decode(Ids{1, 8, 6, 4, 9, 10}, true), "ab \u00e9");
  EXPECT_EQ(tokenizer.token_id("[EMPTY_11]"), 11);
  const boost::json::object config = tokenizer_config_json(GgufFile(path));
  EXPECT_EQ(config.at("bos_token"), "<s>");
  EXPECT_EQ(config.at("eos_token"), "</s>");
  EXPECT_EQ(config.at("unk_token"), "<unk>");
  EXPECT_EQ(config.at("add_bos_token"), true);
  EXPECT_FALSE(config.contains("pad_token"));
}

TEST(GgufTokenizer, HonoursFlags) {
  const TemporaryDirectory directory;
  GgufBytes bytes = llama();
  bytes.set("tokenizer.ggml.add_space_prefix", false)
      .set("tokenizer.ggml.add_bos_token", false)
      .set("tokenizer.ggml.add_eos_token", true)
      .set("tokenizer.ggml.padding_token_id", std::uint32_t{3})
      .set("tokenizer.chat_template", "{{ messages }}");
  const auto path = directory.write("m.gguf", bytes.bytes());
  const text::Tokenizer tokenizer = open(path);
  EXPECT_THAT(tokenizer.encode("ab"), ElementsAre(7));
  EXPECT_THAT(tokenizer.encode("ab", kSpecial), ElementsAre(7, 2));
  EXPECT_EQ(tokenizer.decode(Ids{8}, true), " a");
  const boost::json::object config = tokenizer_config_json(GgufFile(path));
  EXPECT_EQ(config.at("pad_token"), "<|x|>");
  EXPECT_EQ(config.at("chat_template"), "{{ messages }}");
  EXPECT_EQ(config.at("add_bos_token"), false);
}

TEST(GgufTokenizer, Phi3TokensTakeWhiteSpaceAlong) {
  const TemporaryDirectory directory;
  GgufBytes bytes = llama();
  bytes.set("general.name", "Phi-3 mini");
  const text::Tokenizer tokenizer = open(directory.write("m.gguf", bytes.bytes()));
  EXPECT_THAT(tokenizer.encode("</s>  a<s> a"), ElementsAre(2, 8, 1, 4, 8));
}

TEST(GgufTokenizer, EveryPreTokenizerCompilesAndCuts) {
  const TemporaryDirectory directory;
  std::istringstream names(gguf_pretokenizer_names());
  int count = 0;
  for (std::string name; std::getline(names, name, ','); ++count) {
    if (name.starts_with(' ')) name.erase(0, 1);
    const text::Tokenizer tokenizer = open(directory.write("m.gguf", byte_level(name).bytes()));
    EXPECT_THAT(tokenizer.encode("ab<|end|>1 ab"), ElementsAre(3, 4, 5, 2, 3)) << name;
  }
  EXPECT_GT(count, 60);
}

TEST(GgufTokenizer, Unigram) {
  const TemporaryDirectory directory;
  GgufBytes bytes;
  bytes.set("tokenizer.ggml.model", "t5")
      .set("tokenizer.ggml.tokens",
           Strings{"<pad>", "</s>", "<unk>", "\u2581", "a", "\u2581ab", "b"})
      .set("tokenizer.ggml.token_type", std::vector<std::int32_t>{3, 3, 2, 1, 1, 1, 1})
      .set("tokenizer.ggml.scores", std::vector<float>{0, 0, 0, -2, -3, -4, -3})
      .set("tokenizer.ggml.remove_extra_whitespaces", true)
      .raw("tokenizer.ggml.precompiled_charsmap",
           GgufBytes::array(0, 4) + std::string("\0\0\0\0", 4));
  const text::Tokenizer tokenizer = open(directory.write("m.gguf", bytes.bytes()));
  EXPECT_THAT(tokenizer.encode("  ab   b ", kSpecial), ElementsAre(5, 3, 6, 1));
  EXPECT_EQ(tokenizer.decode(Ids{5, 3, 6, 1}, true), "ab b");
}

TEST(GgufTokenizer, NamesWhatIsWrong) {
  const TemporaryDirectory directory;
  const auto with = [](const auto& change) {
    GgufBytes bytes = byte_level("gpt-2");
    change(bytes);
    return bytes;
  };
  const Strings tokens{"a", "b"};
  const std::pair<GgufBytes, std::string> cases[] = {
      {GgufBytes(), "tokenizer.ggml.model is missing"},
      {GgufBytes().set("tokenizer.ggml.model", "bert"), "\"bert\" is not supported; gpt2, llama"},
      {GgufBytes().set("tokenizer.ggml.model", std::uint32_t{3}), "wanted a string, found uint32"},
      {GgufBytes().set("tokenizer.ggml.model", "llama"), "tokenizer.ggml.tokens is missing"},
      {GgufBytes().set("tokenizer.ggml.model", "llama").set("tokenizer.ggml.tokens", tokens),
       "tokenizer.ggml.scores has 0 entries for 2 tokens"},
      {GgufBytes().set("tokenizer.ggml.model", "gpt2").set("tokenizer.ggml.tokens", tokens),
       "tokenizer.ggml.merges is missing"},
      {GgufBytes()
           .set("tokenizer.ggml.model", "llama")
           .set("tokenizer.ggml.tokens", Strings{"a", "a"})
           .set("tokenizer.ggml.scores", std::vector<float>{0, 0}),
       "token 1 is given twice"},
      {byte_level("no-such"),
       "tokenizer.ggml.pre: \"no-such\" is not known; known are a.x-4.0, bail"},
      {with([](GgufBytes& b) { b.set("tokenizer.ggml.add_bos_token", true); }),
       "bos_token_id is missing"},
      {GgufBytes()
           .set("tokenizer.ggml.model", "llama")
           .set("tokenizer.ggml.tokens", tokens)
           .set("tokenizer.ggml.token_type", std::vector<std::int32_t>{1}),
       "tokenizer.ggml.token_type has 1 entries for 2 tokens"},
  };
  for (const auto& [bytes, message] : cases) {
    const auto path = directory.write("m.gguf", bytes.bytes());
    EXPECT_THAT([&] { open(path); },
                ThrowsMessage<Error>(AllOf(HasSubstr("m.gguf"), HasSubstr(message))));
  }
}

}  // namespace
}  // namespace saccade::checkpoint
