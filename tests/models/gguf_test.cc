// GGUF files against the Hugging Face checkpoints they were made from by tools/goldens/gguf.py: the
// same tensors, prompts and pixels, and answers of the same bits.
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "engine/prepare.h"
#include "gguf_files.h"
#include "models/family.h"
#include "saccade/engine.h"
#include "tensor/dequantize.h"

namespace saccade {
namespace {

namespace fs = std::filesystem;
using checkpoint::Checkpoint;
using goldens::changed_gguf;
using goldens::GgufChanges;
using goldens::GgufPair;

/// A tensor's name without the prefixes that differ between layouts of the same model.
std::string plain_name(std::string name) {
  for (const std::string prefix : {"model.", "language_model.", "text_model.", "model."}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  const std::string nested = "vision_tower.vision_model.";
  if (name.starts_with(nested)) name.replace(0, nested.size(), "vision_tower.");
  return name;
}

std::vector<float> values_of(const HostTensor& tensor) {
  std::vector<float> values(tensor.shape.elements());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = float_at(tensor.data, tensor.dtype, static_cast<std::int64_t>(i));
  }
  return values;
}

/// The conversations of a checkpoint, greedy, with its limits for pictures: files do not tell them.
std::vector<Request> requests_of(const fs::path& directory) {
  std::vector<Request> requests;
  const fs::path limits = directory / "preprocessor_config.json";
  const boost::json::value pixels = fs::exists(limits) ? read_json_file(limits) : nullptr;
  const boost::json::value cases = read_json_file(directory / "cases.json");
  for (const auto& item : cases.as_array()) {
    Request request = goldens::greedy_request(item.as_object(), 12);
    request.logprobs = 3;
    if (pixels.is_object() && pixels.as_object().contains("min_pixels")) {
      if (!request.min_pixels) request.min_pixels = pixels.at("min_pixels").as_int64();
      if (!request.max_pixels) request.max_pixels = pixels.at("max_pixels").as_int64();
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

bool has_pictures(const Request& request) {
  for (const Message& message : request.messages) {
    for (const auto& part : message.content) {
      if (std::holds_alternative<ImageBytes>(part)) return true;
    }
  }
  return false;
}

void expect_same(const Result& found, const Result& wanted) {
  EXPECT_EQ(found.token_ids, wanted.token_ids);
  EXPECT_EQ(found.text, wanted.text);
  EXPECT_EQ(found.usage.prompt_tokens, wanted.usage.prompt_tokens);
  ASSERT_EQ(found.logprobs.size(), wanted.logprobs.size());
  for (std::size_t i = 0; i < found.logprobs.size(); ++i) {
    EXPECT_EQ(found.logprobs[i].token.logprob, wanted.logprobs[i].token.logprob);
    ASSERT_EQ(found.logprobs[i].top.size(), wanted.logprobs[i].top.size());
    for (std::size_t k = 0; k < found.logprobs[i].top.size(); ++k) {
      EXPECT_EQ(found.logprobs[i].top[k].id, wanted.logprobs[i].top[k].id);
      EXPECT_EQ(found.logprobs[i].top[k].logprob, wanted.logprobs[i].top[k].logprob);
    }
  }
}

void expect_same_answers(const fs::path& gguf, const fs::path& directory,
                         const EngineOptions& options = {}, bool with_pictures = true) {
  Engine found = Engine::load(gguf.string(), options);
  Engine wanted = Engine::load(directory.string(), {.activations = options.activations});
  int count = 0;
  for (const Request& request : requests_of(directory)) {
    if (!with_pictures && has_pictures(request)) continue;
    expect_same(found.generate(request), wanted.generate(request));
    ++count;
  }
  EXPECT_GT(count, 0);
}

/// The maps of all MLPs under each other's names.
GgufChanges swapped_mlps(const fs::path& mmproj) {
  GgufChanges changes;
  const checkpoint::GgufFile file(mmproj);
  for (const auto& [name, entry] : file.tensors()) {
    for (const auto& [from, to] :
         {std::pair(".ffn_up.", ".ffn_down."), std::pair(".ffn_down.", ".ffn_up.")}) {
      const std::size_t at = name.find(from);
      if (at == std::string::npos) continue;
      changes.renamed[name] = std::string(name).replace(at, std::strlen(from), to);
    }
  }
  EXPECT_FALSE(changes.renamed.empty());
  return changes;
}

class GgufGolden : public testing::TestWithParam<GgufPair> {
 protected:
  TemporaryDirectory scratch_;
  const GgufPair pair_ = GetParam();
  fs::path directory_ = goldens::copy_checkpoint(pair_, scratch_);
};

TEST_P(GgufGolden, HoldsTheSameTensors) {
  const Checkpoint found(pair_.model());
  const Checkpoint wanted(directory_);
  std::map<std::string, std::string> names;
  for (const auto& [name, info] : wanted.tensors()) names[plain_name(name)] = name;
  for (const auto& [name, info] : found.tensors()) {
    SCOPED_TRACE(name);
    const auto same = names.find(plain_name(name));
    ASSERT_NE(same, names.end());
    EXPECT_EQ(info.shape.text(), wanted.info(same->second).shape.text());
    EXPECT_EQ(values_of(found.tensor(name)), values_of(wanted.tensor(same->second)));
    names.erase(same);
  }
  for (const auto& [plain, name] : names) {
    // The older converters leave out the tower's last block, which LLaVA does not use.
    EXPECT_TRUE(pair_.name == "llava" && plain.find("encoder.layers.2.") != std::string::npos)
        << name << " is not in the GGUF file";
  }
}

TEST_P(GgufGolden, MakesTheSamePromptsAndPixels) {
  const Checkpoint found(pair_.model());
  const Checkpoint wanted(directory_);
  const auto of_file = models::family_of(found).load_processor(found);
  const auto of_directory = models::family_of(wanted).load_processor(wanted);
  for (const Request& request : requests_of(directory_)) {
    const auto a = engine::prepare_prompt(*of_file, request, {}, nullptr);
    const auto b = engine::prepare_prompt(*of_directory, request, {}, nullptr);
    EXPECT_EQ(a.rendered, b.rendered);
    EXPECT_EQ(a.prompt.token_ids, b.prompt.token_ids);
    ASSERT_EQ(a.patches.size(), b.patches.size());
    for (std::size_t i = 0; i < a.patches.size(); ++i) {
      EXPECT_EQ(a.patches[i].values, b.patches[i].values);
    }
  }
}

TEST_P(GgufGolden, DescribesTheSameModel) {
  const ModelInfo found = inspect_model(pair_.model().string());
  const ModelInfo wanted = inspect_model(directory_.string());
  EXPECT_EQ(found.vocab_size, wanted.vocab_size);
  EXPECT_EQ(found.context_length, wanted.context_length);
  EXPECT_EQ(found.kv_bytes_per_token, wanted.kv_bytes_per_token);
  ASSERT_EQ(found.parts.size(), wanted.parts.size());
  for (std::size_t i = 0; i < found.parts.size(); ++i) {
    EXPECT_EQ(found.parts[i].name, wanted.parts[i].name);
    if (pair_.name == "llava") continue;  // one block fewer
    EXPECT_EQ(found.parts[i].summary, wanted.parts[i].summary);
  }
}

TEST_P(GgufGolden, AnswersWithTheSameBits) {
  expect_same_answers(pair_.model(), directory_);
}

INSTANTIATE_TEST_SUITE_P(Pairs, GgufGolden, testing::ValuesIn(goldens::gguf_pairs()),
                         [](const auto& named) { return named.param.name; });

TEST(Gguf, BlocksWithActivationsInF32AnswerAsTheDequantizedModel) {
  const TemporaryDirectory scratch;
  const fs::path directory = goldens::copy_checkpoint(goldens::gguf_pair("llama"), scratch);
  fs::copy_file(goldens::gguf_root() / "llama_quantized.safetensors",
                directory / "model.safetensors", fs::copy_options::overwrite_existing);
  const fs::path quantized = goldens::gguf_root() / "llama_quantized.gguf";
  expect_same_answers(quantized, directory, {.activations = Activations::kF32});
  const ModelInfo info = inspect_model(quantized.string());
  // Rows of 40 are no whole blocks.
  EXPECT_EQ(info.parts.at(0).dtypes, (std::vector<std::string>{"Q4_0", "Q8_0", "bf16", "f32"}));
}

TEST(Gguf, LanguageModelAloneAnswersAsTheTextPart) {
  for (const char* name : {"qwen2vl", "qwen3vl", "gemma3", "mistral3"}) {
    SCOPED_TRACE(name);
    const TemporaryDirectory scratch;
    const GgufPair pair = goldens::gguf_pair(name);
    const fs::path directory = goldens::copy_checkpoint(pair, scratch);
    const fs::path alone = scratch.path() / "alone.gguf";
    fs::copy_file(pair.model(), alone);
    expect_same_answers(alone, directory, {}, false);
  }
}

TEST(Gguf, MmprojMayBeNamed) {
  const TemporaryDirectory scratch;
  const GgufPair pair = goldens::gguf_pair("qwen25vl");
  const fs::path directory = goldens::copy_checkpoint(pair, scratch);
  const fs::path alone = scratch.path() / "alone.gguf";
  fs::copy_file(pair.model(), alone);
  EXPECT_EQ(inspect_model(alone.string()).family, "qwen2");
  expect_same_answers(alone, directory, {.mmproj = pair.mmproj().string()});
}

TEST(Gguf, OldQwenTowersHavePositionsOfNoUseAndSwappedMlps) {
  const TemporaryDirectory scratch;
  const GgufPair pair = goldens::gguf_pair("qwen2vl");
  const fs::path directory = goldens::copy_checkpoint(pair, scratch);
  GgufChanges changes = swapped_mlps(pair.mmproj());
  changes.add = [](GgufBytes& file) {
    file.tensor("v.position_embd.weight", {10, 10}, 0, std::string(400, '\0'));
  };
  const fs::path mmproj = scratch.write("old.gguf", changed_gguf(pair.mmproj(), changes));
  expect_same_answers(pair.model(), directory, {.mmproj = mmproj.string()});
}

TEST(Gguf, DirectoryWithOneModelIsThatModel) {
  const GgufPair pair = goldens::gguf_pair("pixtral");
  EXPECT_EQ(inspect_model(pair.model().parent_path().string()).family, "llava");
}

TEST(Gguf, MlpsWithTheRightNamesAreTakenAsTheyAre) {
  const TemporaryDirectory scratch;
  const GgufPair pair = goldens::gguf_pair("llava");
  const fs::path directory = goldens::copy_checkpoint(pair, scratch);
  const fs::path mmproj =
      scratch.write("right.gguf", changed_gguf(pair.mmproj(), swapped_mlps(pair.mmproj())));
  expect_same_answers(pair.model(), directory, {.mmproj = mmproj.string()});
}

}  // namespace
}  // namespace saccade
