// What config.json of a text model may say, and what is refused by name.
#include "models/text_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "engine/prepare.h"
#include "goldens.h"
#include "models/family.h"
#include "models/text/families.h"
#include "nn/moe.h"
#include "temporary_directory.h"

namespace saccade::models {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

boost::json::object golden_config(const std::string& checkpoint) {
  return read_json_file(goldens::root() / checkpoint / "config.json").as_object();
}

TextConfig read(const boost::json::object& object) {
  const boost::json::value value(object);
  const JsonObject config(value, "config.json");
  return read_text_config(text_families::named_in(config, ""), config, config);
}

void expect_refusal(const boost::json::object& config, const std::string& message) {
  EXPECT_THAT([&] { read(config); }, ThrowsMessage<Error>(HasSubstr(message)));
}

TEST(TextConfig, UnknownFamilyNamesThoseKnown) {
  boost::json::object config = golden_config("llama/saved_f32");
  config["model_type"] = "llama9";
  expect_refusal(
      config, "\"llama9\" is not a text model Saccade knows; it knows deepseek_ocr2_text, gemma, ");
}

TEST(TextConfig, WhatIsNotImplementedIsRefusedByName) {
  boost::json::object config = golden_config("llama/published_bf16");
  config["rope_scaling"] = {{"rope_type", "longrope"}, {"factor", 4.0}};
  expect_refusal(config, "config.json: rope_scaling: rope type \"longrope\" is not supported");
  config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 4.0}, {"wobble", 1}};
  expect_refusal(config, "\"wobble\" is not supported with rope type \"linear\"");
  config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 0.0}};
  expect_refusal(config, "factor must be positive, found 0");
  config["rope_scaling"] = {{"rope_type", "default"}, {"mrope_section", {1, 1, 2}}};
  expect_refusal(config, "\"mrope_section\" is not for a text model");
  config.erase("rope_scaling");
  config["partial_rotary_factor"] = 0.75;
  expect_refusal(config, "partial_rotary_factor 0.75 is not supported");
  config.erase("partial_rotary_factor");
  config["hidden_act"] = "mish";
  expect_refusal(config, "hidden_act \"mish\"");
  config = golden_config("gemma3_text/saved_f32");
  config["use_bidirectional_attention"] = true;
  expect_refusal(config, "use_bidirectional_attention is not supported");
  config["use_bidirectional_attention"] = false;
  config["layer_types"] = {"sliding_attention", "chunked_attention", "full_attention"};
  expect_refusal(config, "layer_types: \"chunked_attention\" is not supported");
}

TEST(TextConfig, Llama3ScalingNeedsItsOwnKeysInOrder) {
  boost::json::object config = golden_config("llama/saved_f32");
  config.at("rope_parameters").as_object()["high_freq_factor"] = 0.5;
  expect_refusal(config, "high_freq_factor 0.5 must be over low_freq_factor 1");
  config.at("rope_parameters").as_object().erase("high_freq_factor");
  expect_refusal(config, "\"high_freq_factor\" is missing");
}

TEST(TextConfig, Phi3MeansLongropeByOldNames) {
  boost::json::object config = golden_config("phi3/published_bf16");
  config["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}};
  expect_refusal(config, "rope type \"yarn\" means longrope for phi3");
}

TEST(TextConfig, WindowsFollowTheFamily) {
  using Windows = std::vector<std::int64_t>;
  boost::json::object mistral = golden_config("mistral/published_bf16");
  EXPECT_EQ(read(mistral).decoder.windows, (Windows{0, 0}));
  mistral.erase("sliding_window");  // not null: transformers' default counts
  EXPECT_EQ(read(mistral).decoder.windows, (Windows{4096, 4096}));
  EXPECT_EQ(read(golden_config("qwen2/saved_f32")).decoder.windows, (Windows{0, 19, 19}));
  EXPECT_EQ(read(golden_config("qwen2/published_bf16")).decoder.windows, (Windows{0, 0}));
  const TextConfig gemma = read(golden_config("gemma3_text/published_bf16"));
  EXPECT_EQ(gemma.decoder.windows, (Windows{21, 0, 21, 0}));
  EXPECT_EQ(gemma.decoder.layer_rotary, (std::vector<int>{1, 0, 1, 0}));
}

TEST(TextConfig, EmbeddingScaleHasTheCheckpointsPrecision) {
  const auto scale = [](const char* dtype) {
    const boost::json::value value = {{"torch_dtype", dtype}};
    const JsonObject config(value, "config.json");
    return square_root_embedding_scale(config, config, 3072);
  };
  EXPECT_EQ(scale("bfloat16"), 55.5f);
  EXPECT_EQ(scale("float16"), 55.4375f);
  EXPECT_EQ(scale("float32"), std::sqrt(3072.0f));
}

TEST(TextConfig, ExpertsThatCannotBeAreRefused) {
  boost::json::object config = golden_config("qwen3_moe/published_bf16");
  EXPECT_EQ(read(config).decoder.sparse_layers, (std::vector<bool>{false, true, false, false}));
  config["num_experts_per_tok"] = 6;
  expect_refusal(config, "num_experts_per_tok");
  config["num_experts_per_tok"] = 3;
  config["use_sliding_window"] = true;
  expect_refusal(config, "use_sliding_window is not supported for qwen3_moe");
}

TEST(ChooseExperts, TakesTheFirstOfEqualsInOrder) {
  const std::vector<float> logits = {0.0f, std::log(2.0f), 0.0f, std::log(4.0f)};
  const auto shares = [&](bool normalize) {
    std::vector<std::pair<int, float>> pairs;
    for (const auto& [expert, share] : nn::choose_experts(logits, 3, normalize)) {
      pairs.emplace_back(expert, std::round(share * 5600.0f));
    }
    return pairs;
  };
  using Shares = std::vector<std::pair<int, float>>;
  EXPECT_EQ(shares(true), (Shares{{0, 800.0f}, {1, 1600.0f}, {3, 3200.0f}}));
  EXPECT_EQ(shares(false), (Shares{{0, 700.0f}, {1, 1400.0f}, {3, 2800.0f}}));
}

TEST(TextModel, OtherArchitecturesAreRefused) {
  const std::filesystem::path source = goldens::root() / "llama" / "saved_f32";
  TemporaryDirectory directory;
  std::filesystem::copy(source / "model.safetensors", directory.path() / "model.safetensors");
  boost::json::object config = golden_config("llama/saved_f32");
  config["architectures"] = {"LlamaForSequenceClassification"};
  directory.write("config.json", boost::json::serialize(config));
  const checkpoint::Checkpoint checkpoint(directory.path());
  EXPECT_THAT([&] { family_of(checkpoint).describe(checkpoint); },
              ThrowsMessage<Error>(HasSubstr("architecture \"LlamaForSequenceClassification\" is "
                                             "not supported; \"LlamaForCausalLM\" is")));
}

TEST(TextModel, PicturesAreRefusedInOneLine) {
  const checkpoint::Checkpoint checkpoint(goldens::root() / "llama" / "saved_f32");
  const auto processor = family_of(checkpoint).load_processor(checkpoint);
  Request request;
  request.messages = {{"user", {read_image((goldens::root() / "images/cell_28x28.png").string())}}};
  EXPECT_THAT([&] { engine::prepare_prompt(*processor, request, {}, nullptr); },
              ThrowsMessage<Error>(
                  HasSubstr("cell_28x28.png: llama models read text alone and take no pictures")));
}

}  // namespace
}  // namespace saccade::models
