// What config.json and the processor's files of vision-language families may say, and what is
// refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "checkpoint_copy.h"
#include "engine/prepare.h"
#include "goldens.h"
#include "media/crop.h"
#include "nn/vit.h"

namespace saccade::models {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

using Copy = CheckpointCopy;

TEST(VlmConfig, WhatIsNotImplementedIsRefusedByName) {
  const std::tuple<const char*, const char*, boost::json::value, const char*> changes[] = {
      {"llava/clip_llama_f32", "vision_feature_select_strategy", "cls",
       "vision_feature_select_strategy \"cls\""},
      {"llava/clip_llama_f32", "vision_feature_layer", -9, "vision_feature_layer -9"},
      {"llava/clip_llama_f32", "projector_hidden_act", "mish", "projector_hidden_act \"mish\""},
      {"llava/clip_llama_f32", "image_token_index", 1 << 20, "image_token_index"},
      {"internvl/qwen2_f32", "downsample_ratio", 0.3, "downsample_ratio 0.3"},
      {"internvl/qwen2_f32", "vision_feature_layer", boost::json::array({-1, -2}),
       "several vision_feature_layers"},
      {"gemma3/saved_f32", "mm_tokens_per_image", 25, "mm_tokens_per_image 25"},
      {"mistral3/saved_f32", "spatial_merge_size", 0, "spatial_merge_size"},
      {"idefics3/llama_f32", "scale_factor", 3, "not made of whole tokens"}};
  for (const auto& [checkpoint, key, value, message] : changes) {
    Copy copy(checkpoint);
    copy.config[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(VlmConfig, TowersAreRefusedByName) {
  const std::tuple<const char*, const char*, boost::json::value, const char*> changes[] = {
      {"llava/clip_llama_f32", "model_type", "sam", "model_type \"sam\""},
      {"llava/clip_llama_f32", "num_attention_heads", 5, "does not divide among 5 heads"},
      {"llava/clip_llama_f32", "num_hidden_layers", std::int64_t{1} << 40, "num_hidden_layers"},
      {"llava/clip_llama_f32", "hidden_act", "mish", "hidden_act \"mish\""},
      {"llava/clip_llama_f32", "num_channels", 4, "num_channels"},
      {"internvl/qwen2_f32", "norm_type", "batch_norm", "norm_type \"batch_norm\""},
      {"internvl/qwen2_f32", "patch_size", boost::json::array({7, 14}), "patch_size 7 x 14"},
      {"gemma3/saved_f32", "image_size", 3, "image_size 3"},
      {"mistral3/saved_f32", "rope_parameters", boost::json::object({{"rope_type", "yarn"}}),
       "rope_type \"yarn\""}};
  for (const auto& [checkpoint, key, value, message] : changes) {
    Copy copy(checkpoint);
    copy.config.at("vision_config").as_object()[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(VlmConfig, ProcessorsAreRefusedByName) {
  const std::tuple<const char*, const char*, const char*, boost::json::value, const char*>
      changes[] = {
          {"llava/clip_qwen2_padded_f32", "preprocessor_config.json", "resample", 0, "resample"},
          {"llava/clip_qwen2_padded_f32", "preprocessor_config.json", "do_sharpen", true,
           "\"do_sharpen\" is not supported"},
          {"llava/clip_qwen2_padded_f32", "preprocessor_config.json", "image_processor_type",
           "ViTImageProcessor", "must be CLIPImageProcessor or LlavaImageProcessor"},
          {"llava/clip_qwen2_padded_f32", "processor_config.json", "patch_size", 8, "patch_size 8"},
          {"llava/clip_qwen2_padded_f32", "processor_config.json", "num_additional_image_tokens", 0,
           "num_additional_image_tokens 0"},
          {"llava/clip_qwen2_padded_f32", "processor_config.json", "magic", 1,
           "\"magic\" is not supported"},
          {"internvl/qwen2_f32", "processor_config.json", "image_seq_length", 5,
           "image_seq_length 5"},
          {"smolvlm/llama_f32", "processor_config.json", "image_seq_len", 64, "image_seq_len 64"}};
  for (const auto& [checkpoint, file, key, value, message] : changes) {
    Copy copy(checkpoint);
    boost::json::object settings = copy.json(file);
    settings[key] = value;
    copy.write(file, settings);
    copy.expect_refusal(message);
  }
}

TEST(VlmProcessor, PlaceholdersMustBeAsManyAsPictures) {
  Copy copy("llava/clip_llama_f32");
  copy.load();
  const std::vector<media::PatchGrid> grids = {{1, 3, 3}};
  EXPECT_THAT([&] { copy.processor->tokenize("no picture", {0}, grids); },
              ThrowsMessage<Error>(HasSubstr("0 image placeholders for 1 images")));
  EXPECT_THAT([&] { copy.processor->tokenize("<image>", {}, {}); },
              ThrowsMessage<Error>(HasSubstr("1 image placeholders for 0 images")));
  const Prompt prompt = copy.processor->tokenize("<s>a<image>b", {0}, grids);
  ASSERT_EQ(prompt.media.size(), 1U);
  EXPECT_EQ(prompt.media[0].begin, 2);
  EXPECT_EQ(prompt.media[0].count, 9);
}

TEST(VlmProcessor, TemplatesThatOnlyReadPartsAreGivenParts) {
  Copy copy("llava/clip_llama_f32");
  copy.write_text("chat_template.jinja",
                  "{% for m in messages %}{% for p in m['content'] %}{% if p['type'] == 'text' %}"
                  "{{ p['text'] }}{% endif %}{% endfor %}.{% endfor %}");
  copy.load();
  EXPECT_EQ(copy.processor->render({{"user", {{"Hello", -1}}}}, true), "Hello.");
}

TEST(VlmProcessor, APixelBudgetIsRefused) {
  Copy copy("llava/clip_llama_f32");
  copy.load();
  const media::Image image{2, 2, std::vector<std::uint8_t>(12)};
  EXPECT_THROW(copy.processor->process_image(image, {.max_pixels = 100}, true), Error);
}

TEST(Vit, NeighboursStandSideBySide) {
  EXPECT_EQ(nn::neighbour_order(2, 2, 4, 2),
            (std::vector<std::int32_t>{0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15}));
}

TEST(Vit, BucketsFollowTheFractionOfTheWay) {
  EXPECT_EQ(nn::bucketed_positions({{2, 2}}, 4), (std::vector<std::int32_t>{0, 2, 8, 10}));
  // 2 * (1 / 6) in float32 is over 3 * (1 / 9), 5 * (1 / 6) is under 1 - 1 / 9.
  const auto ids = nn::bucketed_positions({{1, 6}}, 9);
  EXPECT_EQ(ids, (std::vector<std::int32_t>{0, 1, 3, 4, 6, 7}));
}

TEST(Crop, TheMiddleIsCutOutOrPadded) {
  media::Image image{3, 2, {}};
  for (std::uint8_t i = 1; i <= 6; ++i) image.pixels.insert(image.pixels.end(), 3, i);
  const auto row = [](const media::Image& picture) {
    std::vector<int> reds;
    for (std::size_t i = 0; i < picture.pixels.size(); i += 3) reds.push_back(picture.pixels[i]);
    return reds;
  };
  EXPECT_EQ(row(media::center_crop(image, 1, 2)), (std::vector<int>{2, 5}));
  EXPECT_EQ(row(media::center_crop(image, 3, 4)),
            (std::vector<int>{0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0}));
  EXPECT_EQ(row(media::center_crop(image, 1, 4)), (std::vector<int>{0, 2, 5, 0}));
  EXPECT_EQ(row(media::pad_to_square(image, {9, 9, 9})),
            (std::vector<int>{1, 2, 3, 4, 5, 6, 9, 9, 9}));
  EXPECT_THROW(media::crop(image, 2, 0, 2, 1), Error);
}

}  // namespace
}  // namespace saccade::models
