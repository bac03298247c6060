// What FastVLM's config and processor may say, and what is refused by name.
#include "checkpoint_copy.h"

namespace saccade::models {
namespace {

using boost::json::array;
using boost::json::object;

TEST(FastVlm, ConfigsAreRefusedByName) {
  const std::tuple<const char*, boost::json::value, const char*> changes[] = {
      {"vision_feature_select_strategy", "default", "vision_feature_select_strategy \"default\""},
      {"vision_feature_layer", -2, "vision_feature_layer -2"},
      {"projector_hidden_act", "mish", "projector_hidden_act \"mish\""},
      {"image_token_index", 1 << 20, "image_token_index"}};
  for (const auto& [key, value, message] : changes) {
    CheckpointCopy copy("fast_vlm/qwen2_f32");
    copy.config[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(FastVlm, TowersAreRefusedByName) {
  const std::tuple<const char*, boost::json::value, const char*> changes[] = {
      {"model_type", "clip_vision_model", "model_type \"clip_vision_model\""},
      {"architecture", "fastvit_t8", "architecture \"fastvit_t8\""},
      {"hidden_size", 65, "hidden_size 65 differs"},
      {"model_args", object(), "without inference_mode"},
      {"model_args", object({{"inference_mode", true}, {"se_downsamples", true}}),
       "\"se_downsamples\" is not supported"},
      {"model_args", object({{"inference_mode", true}, {"layers", array({1, 1})}}),
       "layers must list 5 stages, found 2"},
      {"model_args", object({{"inference_mode", true}, {"layers", array({1, 1, 1, 1, 0})}}),
       "layers holds 0"},
      {"model_args",
       object({{"inference_mode", true}, {"embed_dims", array({4, 8, 16, 32, 1LL << 40})}}),
       "embed_dims holds 1099511627776"},
      {"model_args", object({{"inference_mode", true}, {"embed_dims", array({4, 6, 16, 32, 32})}}),
       "6 channels after 4 do not divide"},
      {"model_args", object({{"inference_mode", true}, {"embed_dims", array({4, 8, 16, 48, 48})}}),
       "48 channels do not divide into heads of 32"}};
  for (const auto& [key, value, message] : changes) {
    CheckpointCopy copy("fast_vlm/qwen2_f32");
    copy.config.at("vision_config").as_object()[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(FastVlm, ProcessorsAreRefusedByName) {
  const std::tuple<const char*, const char*, boost::json::value, const char*> changes[] = {
      {"preprocessor_config.json", "crop_size", object({{"height", 192}, {"width", 190}}),
       "190 x 192 pixels do not divide into tokens of 64"},
      {"processor_config.json", "patch_size", 32, "patch_size 32"},
      {"processor_config.json", "num_additional_image_tokens", 1, "num_additional_image_tokens 1"},
      {"processor_config.json", "vision_feature_select_strategy", "default",
       "vision_feature_select_strategy"},
      {"processor_config.json", "magic", 1, "\"magic\" is not supported"}};
  for (const auto& [file, key, value, message] : changes) {
    CheckpointCopy copy("fast_vlm/qwen2_bf16");
    object settings = copy.json(file);
    settings[key] = value;
    copy.write(file, settings);
    copy.expect_refusal(message);
  }
}

TEST(FastVlm, PicturesOfOtherSizesAreRefused) {
  CheckpointCopy copy("fast_vlm/qwen2_bf16");
  object settings = copy.json("preprocessor_config.json");
  settings["do_center_crop"] = false;  // the shorter side becomes 192, the longer one anything
  copy.write("preprocessor_config.json", settings);
  copy.load();
  const media::Image wide{100, 50, std::vector<std::uint8_t>(3 * 100 * 50)};
  const media::Patches patches = copy.processor->process_image(wide, {}, true);
  EXPECT_EQ(copy.processor->image_tokens(patches.grid), 18);
  const media::Image other{101, 50, std::vector<std::uint8_t>(3 * 101 * 50)};
  EXPECT_THAT([&] { copy.processor->process_image(other, {}, true); },
              testing::ThrowsMessage<Error>(testing::HasSubstr("do not divide into tokens")));
}

}  // namespace
}  // namespace saccade::models
