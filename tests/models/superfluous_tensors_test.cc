// Tensors that config.json does not ask for: refused by name, but for those that change no answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint/directory_source.h"
#include "compute/cpu/cpu_device.h"
#include "extended_source.h"
#include "goldens.h"
#include "models/family.h"

namespace saccade::models {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Extended {
 public:
  explicit Extended(const std::string& checkpoint)
      : source_(std::make_shared<ExtendedSource>(
            std::make_shared<checkpoint::DirectorySource>(goldens::root() / checkpoint))) {}

  Extended& with(const std::string& name, const Shape& shape, float value = 1.0f) {
    source_->add(name, shape, value);
    return *this;
  }
  const ExtendedSource& source() const { return *source_; }

  /// What loading says, or nothing.
  std::string error() const {
    compute::cpu::CpuDevice device({1, {}});
    try {
      load_model(checkpoint::Checkpoint(source_), device, {});
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }

 private:
  std::shared_ptr<ExtendedSource> source_;
};

class SuperfluousTensors : public testing::TestWithParam<std::string> {};

TEST_P(SuperfluousTensors, OneIsNamed) {
  const std::string error = Extended(GetParam()).with("zebra.weight", {3, 4}).error();
  EXPECT_THAT(error, AllOf(HasSubstr((goldens::root() / GetParam()).string()),
                           HasSubstr("tensor zebra.weight [3, 4] is in the weights"),
                           HasSubstr("config.json implies none"), Not(HasSubstr("\n"))));
}

/// Every stack of the model, decoder and towers, with a layer more than config.json says.
TEST_P(SuperfluousTensors, LayersBeyondTheLastAreCounted) {
  Extended extended(GetParam());
  const auto original = extended.source().tensors();
  std::size_t added = 0;
  std::string first;
  for (const auto& [name, info] : original) {
    const std::size_t at = name.find(".0.");
    if (at == name.npos || name.ends_with(".num_batches_tracked")) continue;  // accepted
    const std::string other = name.substr(0, at) + ".999." + name.substr(at + 3);
    extended.with(other, info.shape);
    if (first.empty() || other < first) first = other;
    ++added;
  }
  ASSERT_GT(added, 1u);
  EXPECT_THAT(extended.error(), AllOf(HasSubstr("tensor " + first + " ["),
                                      HasSubstr(fmt::format(" and {} more are", added - 1))));
}

TEST_P(SuperfluousTensors, WhatChangesNoAnswerIsAccepted) {
  EXPECT_EQ(Extended(GetParam())
                .with("model.layers.0.self_attn.rotary_emb.inv_freq", {8})
                .with("vision_tower.vision_model.embeddings.position_ids", {1, 16})
                .with("vision_tower.stem.bn.num_batches_tracked", {1})
                .with("model.layers.0.self_attn.k_scale", {1})
                .with("model.layers.0.self_attn.v_proj.v_scale", {1})
                .with("model.layers.0.zebra_proj.bias", {24}, 0.0f)
                .error(),
            "");
}

INSTANTIATE_TEST_SUITE_P(Goldens, SuperfluousTensors, testing::ValuesIn(goldens::all_checkpoints()),
                         [](const auto& test) { return goldens::test_name(test.param); });

TEST(SuperfluousTensor, ABiasThatTheArchitectureHasNotIsNamed) {
  const std::string bias = "model.layers.0.mlp.down_proj.bias";
  EXPECT_THAT(Extended("qwen3/saved_f32").with(bias, {24}).error(), HasSubstr("tensor " + bias));
}

TEST(SuperfluousTensor, ATowerOfATextModelIsNamed) {
  EXPECT_THAT(Extended("llama/saved_f32").with("visual.patch_embed.proj.weight", {8, 588}).error(),
              HasSubstr("tensor visual.patch_embed.proj.weight [8, 588]"));
}

/// Parts of published checkpoints that run without them.
TEST(SuperfluousTensor, KnownPartsAreLeftOut) {
  const std::string layer = "model.language_model.layers.3.self_attn.";
  const std::pair<const char*, std::string> parts[] = {
      {"qwen3/saved_f32", "lm_head.weight"},  // beside tied embeddings
      {"florence2/published_bf16", "lm_head.weight"},
      {"florence2/published_bf16", "model.language_model.encoder.embed_tokens.weight"},
      {"qwen3_5/saved_f32", "mtp.layers.0.input_layernorm.weight"},
      {"gemma4/e2b_bf16", "model.audio_tower.layers.0.norm.weight"},
      {"gemma4/e2b_bf16", "model.embed_audio.embedding_projection.weight"},
      {"gemma4/e2b_bf16", layer + "k_proj.weight"},
      {"gemma4/e2b_bf16", layer + "v_proj.weight"},
      {"gemma3/saved_f32", "vision_tower.head.probe"},
  };
  for (const auto& [checkpoint, part] : parts) {
    EXPECT_EQ(Extended(checkpoint).with(part, {4, 4}).error(), "") << checkpoint << " " << part;
    // Where the part is no known one, it is not.
    EXPECT_THAT(Extended("qwen3/saved_f32").with("other." + part, {4, 4}).error(),
                HasSubstr("tensor other." + part));
  }
}

}  // namespace
}  // namespace saccade::models
