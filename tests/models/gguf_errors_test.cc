// What is wrong with a GGUF model is said in one line that names file, key or tensor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "gguf_files.h"
#include "models/family.h"
#include "saccade/engine.h"

namespace saccade {
namespace {

namespace fs = std::filesystem;
using goldens::changed_gguf;
using goldens::gguf_pair;
using goldens::GgufChanges;

class GgufErrors : public testing::Test {
 protected:
  /// What loading says, or nothing.
  static std::string error_of(const fs::path& model, const fs::path& mmproj = {}) {
    try {
      Engine::load(model.string(), {.mmproj = mmproj.string(), .threads = 1});
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }
  void expect_error(const fs::path& model, const std::vector<std::string>& parts,
                    const fs::path& mmproj = {}) {
    const std::string error = error_of(model, mmproj);
    for (const std::string& part : parts) EXPECT_THAT(error, testing::HasSubstr(part));
    EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 0);
  }
  /// A language model with other metadata or tensors.
  fs::path changed(const std::string& pair, const GgufChanges& changes) {
    return scratch_.write("changed.gguf", changed_gguf(gguf_pair(pair).model(), changes));
  }
  fs::path changed_mmproj(const std::string& pair, const GgufChanges& changes) {
    return scratch_.write("changed-vision.gguf", changed_gguf(gguf_pair(pair).mmproj(), changes));
  }
  /// A language model with one key otherwise.
  template <typename T>
  fs::path with(const std::string& pair, const std::string& key, const T& value) {
    return changed(pair, {.without = {key}, .add = [&](GgufBytes& file) { file.set(key, value); }});
  }
  template <typename T>
  fs::path mmproj_with(const std::string& pair, const std::string& key, const T& value) {
    return changed_mmproj(
        pair, {.without = {key}, .add = [&](GgufBytes& file) { file.set(key, value); }});
  }

  TemporaryDirectory scratch_;
};

TEST_F(GgufErrors, UnknownArchitectureProjectorOrTensor) {
  expect_error(with("llama", "general.architecture", "mamba"),
               {"changed.gguf", "general.architecture", "\"mamba\"", "qwen3vl"});
  expect_error(gguf_pair("llava").model(),
               {"changed-vision.gguf", "clip.projector_type", "\"ldp\"", "qwen3vl_merger"},
               mmproj_with("llava", "clip.projector_type", "ldp"));
  expect_error(changed("llama", {.renamed = {{"blk.1.attn_q.weight", "blk.1.attn_qkv.weight"}}}),
               {"changed.gguf", "blk.1.attn_qkv.weight"});
  expect_error(
      gguf_pair("llava").model(), {"changed-vision.gguf", "v.blk.0.attn_x.weight"},
      changed_mmproj("llava", {.renamed = {{"v.blk.0.attn_q.weight", "v.blk.0.attn_x.weight"}}}));
}

TEST_F(GgufErrors, MmprojOfAnotherModel) {
  // 48 and 36 are the widths of the decoders.
  expect_error(gguf_pair("qwen2vl").model(), {"mmproj-qwen3vl.gguf", "36", "48", "another model"},
               gguf_pair("qwen3vl").mmproj());
  fs::copy_file(gguf_pair("qwen3vl").mmproj(), scratch_.path() / "mmproj-other.gguf");
  fs::copy_file(gguf_pair("qwen2vl").model(), scratch_.path() / "model.gguf");
  // One that happens to lie there is passed over, and the model is without pictures.
  EXPECT_EQ(inspect_model(scratch_.file("model.gguf")).family, "qwen2");
}

TEST_F(GgufErrors, FilesThatAreNoModel) {
  expect_error(gguf_pair("llava").mmproj(), {"mmproj-llava.gguf", "an mmproj alone is no model"});
  expect_error(gguf_pair("llava").model(), {"llama.gguf", "no mmproj", "clip.projector_type"},
               gguf_pair("llama").model());
  expect_error(
      changed("llama", {.add = [](GgufBytes& file) { file.set("split.count", std::uint32_t{3}); }}),
      {"changed.gguf", "one of 3 parts", "llama-gguf-split --merge"});
  expect_error(goldens::root() / "llama/saved_f32", {"mmproj", "GGUF"},
               gguf_pair("llava").mmproj());
}

TEST_F(GgufErrors, PatchEmbeddingWithoutItsSecondFrame) {
  expect_error(gguf_pair("qwen2vl").model(),
               {"changed-vision.gguf", "v.patch_embd.weight", "v.patch_embd.weight.1"},
               changed_mmproj("qwen2vl", {.without = {"v.patch_embd.weight.1"}}));
}

TEST_F(GgufErrors, PartsOfOneMapThatDoNotGoTogether) {
  expect_error(gguf_pair("qwen2vl").model(), {"changed-vision.gguf", "attn.qkv", "2 of the three"},
               changed_mmproj("qwen2vl", {.without = {"v.blk.1.attn_v.weight"}}));
  // The same layer under two names.
  expect_error(
      gguf_pair("qwen2vl").model(), {"changed-vision.gguf", "v.blk.00.attn_q.bias"},
      changed_mmproj("qwen2vl", {.renamed = {{"v.blk.1.attn_q.bias", "v.blk.00.attn_q.bias"}}}));
}

TEST_F(GgufErrors, MetadataThatContradictsItself) {
  expect_error(with("llama", "llama.attention.head_count", std::uint32_t{3}),
               {"changed.gguf", "self_attn.q_proj.weight", "[32, 32]", "[24, 32]"});
  expect_error(with("llama", "llama.attention.head_count_kv", std::uint32_t{3}),
               {"changed.gguf", "4 heads of size 8 over 3 key-value heads do not fit"});
  expect_error(with("qwen2", "qwen2.attention.head_count_kv", std::uint32_t{0}),
               {"changed.gguf", "num_key_value_heads", "0"});
  expect_error(with("llama", "llama.attention.head_count", std::uint32_t{0}),
               {"changed.gguf", "llama.attention.head_count", "is 0"});
  expect_error(with("llama", "llama.block_count", std::int32_t{-1}),
               {"changed.gguf", "llama.block_count", "is -1"});
  expect_error(with("llama", "llama.block_count", std::uint32_t{4}),
               {"changed.gguf", "layers.3.", "missing"});
  expect_error(with("llama", "llama.block_count", std::uint32_t{1}),
               {"changed.gguf", "tensor model.layers.1.input_layernorm.weight [32] and 17 more are",
                "config.json implies none of that name"});
  expect_error(with("llama", "llama.embedding_length", std::uint32_t{64}),
               {"changed.gguf", "embed_tokens", "64"});
  expect_error(with("llama", "llama.attention.head_count", "four"),
               {"changed.gguf", "llama.attention.head_count", "wanted an integer", "string"});
  expect_error(changed("llama", {.without = {"llama.context_length"}}),
               {"changed.gguf", "llama.context_length is missing"});
}

TEST_F(GgufErrors, VocabularyOfAnotherSize) {
  expect_error(with("llama", "tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"}),
               {"changed.gguf", "token_embd.weight has 317 rows", "2 tokens"});
}

TEST_F(GgufErrors, TowerWhoseMetadataContradictItself) {
  const fs::path model = gguf_pair("gemma3").model();
  const auto expect = [&](const std::string& key, std::uint32_t value,
                          const std::vector<std::string>& parts) {
    expect_error(model, parts, mmproj_with("gemma3", key, value));
  };
  expect("clip.vision.patch_size", 0, {"changed-vision.gguf", "clip.vision.patch_size is 0"});
  expect("clip.vision.attention.head_count", 0, {"clip.vision.attention.head_count is 0"});
  expect("clip.vision.attention.head_count", 3, {"16", "3 heads"});
  expect("clip.vision.projector.scale_factor", 3,
         {"projector.scale_factor 3 does not fit 4 patches"});
  expect("clip.vision.block_count", 1U << 31, {"clip.vision.block_count is 2147483648"});
  expect("clip.vision.embedding_length", 32, {"vision_tower", "32"});
  expect_error(model, {"changed-vision.gguf", "clip.vision.image_mean", "three"},
               mmproj_with("gemma3", "clip.vision.image_mean", std::vector<float>{0.5f}));
}

TEST_F(GgufErrors, RotaryScalingThatIsNotSupported) {
  expect_error(with("llama", "llama.rope.scaling.type", "longrope"),
               {"changed.gguf", "llama.rope.scaling.type", "longrope"});
  expect_error(changed("llama", {.without = {"llama.rope.scaling.factor"}}),
               {"changed.gguf", "llama.rope.scaling.factor is missing"});
}

TEST_F(GgufErrors, TruncatedFiles) {
  for (const char* name : {"qwen2", "qwen2vl"}) {
    const std::string bytes = read_text_file(gguf_pair(name).model());
    for (const double part : {0.0, 0.01, 0.3, 0.6, 0.99}) {
      const auto size = static_cast<std::size_t>(static_cast<double>(bytes.size()) * part);
      expect_error(scratch_.write("short.gguf", bytes.substr(0, size)), {"short.gguf"});
    }
  }
}

}  // namespace
}  // namespace saccade
