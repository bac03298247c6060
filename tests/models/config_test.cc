// What config.json may say, and what is refused by name.
#include "models/qwen2_5_vl/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "goldens.h"
#include "models/family.h"
#include "temporary_directory.h"

namespace saccade::models {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// A golden checkpoint's directory with config.json changed.
class ConfigTest : public testing::Test {
 protected:
  ConfigTest() : source_(goldens::root() / "qwen2_5_vl" / "published_3b") {
    for (const auto& entry : std::filesystem::directory_iterator(source_)) {
      std::filesystem::copy(entry.path(), directory_.path() / entry.path().filename());
    }
    config_ = read_json_file(source_ / "config.json").as_object();
  }

  void load() {
    directory_.write("config.json", boost::json::serialize(config_));
    const checkpoint::Checkpoint checkpoint(directory_.path());
    family_of(checkpoint).describe(checkpoint);
    family_of(checkpoint).load_processor(checkpoint);
  }
  void expect_refusal(const std::string& message) {
    EXPECT_THAT([&] { load(); }, ThrowsMessage<Error>(AllOf(HasSubstr(directory_.path().string()),
                                                            HasSubstr(message))));
  }
  boost::json::object& vision() { return config_.at("vision_config").as_object(); }

  std::filesystem::path source_;
  TemporaryDirectory directory_;
  boost::json::object config_;
};

TEST_F(ConfigTest, UnchangedLoads) {
  EXPECT_NO_THROW(load());
}

TEST_F(ConfigTest, UnknownFamilyNamesThoseKnown) {
  config_["model_type"] = "qwen9_vl";
  expect_refusal("\"qwen9_vl\" is not a family Saccade knows; it knows ");
}

TEST_F(ConfigTest, MissingKeysAreNamed) {
  for (const char* key : {"model_type", "vision_config", "hidden_size", "num_hidden_layers",
                          "vocab_size", "rope_scaling", "image_token_id"}) {
    const boost::json::value kept = config_.at(key);
    config_.erase(key);
    expect_refusal(std::string("\"") + key + "\" is missing");
    config_[key] = kept;
  }
}

TEST_F(ConfigTest, HostileSizesAreRefused) {
  const std::pair<const char*, std::int64_t> sizes[] = {
      {"num_hidden_layers", std::int64_t{1} << 40},
      {"num_hidden_layers", 0},
      {"hidden_size", -1},
      {"num_attention_heads", 0},
      {"num_attention_heads", 5},
      {"num_key_value_heads", 4},
      {"vocab_size", 0},
      {"image_token_id", 1 << 20}};
  for (const auto& [key, value] : sizes) {
    const boost::json::value kept = config_.at(key);
    config_[key] = value;
    EXPECT_THROW(load(), Error) << key << " " << value;
    config_[key] = kept;
  }
  vision()["num_heads"] = 0;
  expect_refusal("num_heads");
}

TEST_F(ConfigTest, WhatIsNotImplementedIsRefusedByName) {
  config_["hidden_act"] = "mish";
  expect_refusal("hidden_act \"mish\"");
  config_["hidden_act"] = "silu";
  config_["rope_scaling"] = {{"type", "dynamic"}, {"mrope_section", {1, 1, 2}}};
  expect_refusal("rope type \"dynamic\"");
  config_["rope_scaling"] = {{"type", "mrope"}, {"mrope_section", {1, 1, 9}}};
  expect_refusal("mrope_section [1, 1, 9]");
}

TEST_F(ConfigTest, ShapesThatDisagreeNameTheTensor) {
  config_["intermediate_size"] = 45;
  directory_.write("config.json", boost::json::serialize(config_));
  const checkpoint::Checkpoint checkpoint(directory_.path());
  compute::cpu::CpuDevice device({1, {}});
  EXPECT_THAT([&] { load_model(checkpoint, device, {}); },
              ThrowsMessage<Error>(AllOf(HasSubstr("mlp.gate_proj.weight has shape [44, 48]"),
                                         HasSubstr("implies [45, 48]"))));
}

TEST_F(ConfigTest, ImageProcessorOfTransformers5IsFound) {
  const boost::json::value settings = read_json_file(source_ / "preprocessor_config.json");
  std::filesystem::remove(directory_.path() / "preprocessor_config.json");
  EXPECT_THROW(load(), Error);
  directory_.write("processor_config.json",
                   boost::json::serialize(boost::json::object{
                       {"processor_class", "Qwen2_5_VLProcessor"}, {"image_processor", settings}}));
  EXPECT_NO_THROW(load());
}

TEST_F(ConfigTest, SlidingWindows) {
  config_["use_sliding_window"] = true;
  config_["sliding_window"] = 7;
  config_["max_window_layers"] = 1;
  directory_.write("config.json", boost::json::serialize(config_));
  const auto config = qwen2_5_vl::read_config(checkpoint::Checkpoint(directory_.path()));
  EXPECT_EQ(config.text.windows, (std::vector<std::int64_t>{0, 7}));
}

}  // namespace
}  // namespace saccade::models
