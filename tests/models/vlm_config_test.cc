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
      {"gemma4/dense_f32", "model_type", "gemma4_audio", "model_type \"gemma4_audio\""},
      {"gemma4/dense_f32", "head_dim", 6, "heads of size 6"},
      {"gemma4/dense_f32", "patch_size", std::int64_t{1} << 40, "patch_size"},
      {"gemma4/dense_f32", "attention_bias", true, "attention_bias"},
      {"gemma4/dense_f32", "rope_parameters", boost::json::object({{"rope_type", "yarn"}}),
       "rope type \"yarn\""},
      {"mistral3/saved_f32", "rope_parameters", boost::json::object({{"rope_type", "yarn"}}),
       "rope_type \"yarn\""}};
  for (const auto& [checkpoint, key, value, message] : changes) {
    Copy copy(checkpoint);
    copy.config.at("vision_config").as_object()[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(VlmConfig, Gemma4SaysWhatItsLayersAre) {
  const auto list = [](int layers, const char* type) {
    return boost::json::array(layers, boost::json::value(type));
  };
  using Object = boost::json::object;
  const std::tuple<const char*, const char*, boost::json::value, const char*> changes[] = {
      {"gemma4/dense_f32", "use_bidirectional_attention", "all",
       "use_bidirectional_attention \"all\""},
      {"gemma4/dense_f32", "sliding_window", nullptr, "sliding_window null"},
      {"gemma4/dense_f32", "num_key_value_heads", nullptr, "num_key_value_heads"},
      {"gemma4/dense_f32", "layer_types", list(4, "chunked_attention"), "chunked_attention"},
      {"gemma4/dense_f32", "per_layer_config", Object({{"9", Object()}}), "\"9\" is not one of 4"},
      {"gemma4/dense_f32", "per_layer_config", Object({{"1", Object({{"rope", 1}})}}),
       "\"rope\" is not supported"},
      {"gemma4/dense_f32", "per_layer_config", Object({{"1", Object({{"head_dim", 24}})}}),
       "heads of 24 and of 8"},
      {"gemma4/dense_f32", "per_layer_config",
       Object({{"1", Object({{"num_key_value_heads", 3}})}}), "over 3 key-value heads do not fit"},
      {"gemma4/dense_f32", "pad_token_id", 1 << 20, "pad_token_id"},
      {"gemma4/e2b_bf16", "num_kv_shared_layers", 6, "num_kv_shared_layers"},
      {"gemma4/e2b_bf16", "num_kv_shared_layers", 5, "leaves layer 2 without one"},
      {"gemma4/e2b_bf16", "vocab_size_per_layer_input", 7, "vocab_size_per_layer_input 7"},
      {"gemma4/e2b_bf16", "hidden_size_per_layer_input", std::int64_t{1} << 40,
       "hidden_size_per_layer_input"},
      {"gemma4/moe_f32", "num_experts", nullptr, "num_experts"},
      {"gemma4/moe_f32", "top_k_experts", 7, "top_k_experts"},
      {"gemma4/moe_f32", "moe_intermediate_size", 0, "moe_intermediate_size"}};
  for (const auto& [checkpoint, key, value, message] : changes) {
    SCOPED_TRACE(message);
    Copy copy(checkpoint);
    copy.config.at("text_config").as_object()[key] = value;
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
          {"gemma4/e2b_bf16", "preprocessor_config.json", "max_soft_tokens", 71,
           "max_soft_tokens must be 70"},
          {"gemma4/e2b_bf16", "preprocessor_config.json", "pooling_kernel_size", 4,
           "pooling_kernel_size 4"},
          {"gemma4/e2b_bf16", "preprocessor_config.json", "do_resize", false, "\"do_resize\""},
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

TEST(VlmProcessor, Gemma4TakesPicturesOfAnyShapeThatHasATokenAndNoOtherMedia) {
  Copy copy("gemma4/dense_f32");  // tokens of 12 pixels, 70 at most
  copy.load();
  const auto grid_of = [&](int width, int height) {
    const media::Image image{width, height,
                             std::vector<std::uint8_t>(std::size_t{3} * width * height)};
    return copy.processor->process_image(image, {}, true).grid;
  };
  const auto expect_grid = [&](int width, int height, int w, int h) {
    const media::PatchGrid grid = grid_of(width, height);
    EXPECT_EQ(grid.w, 3 * w);
    EXPECT_EQ(grid.h, 3 * h);
    EXPECT_EQ(copy.processor->image_tokens(grid), w * h);
  };
  expect_grid(1, 1, 8, 8);       // grows
  expect_grid(3000, 10, 70, 1);  // no more than there is room for
  expect_grid(10, 800, 1, 70);
  expect_grid(1000, 12, 70, 1);
  EXPECT_THAT([&] { copy.processor->tokenize("a<|video|>b", {}, {}); },
              ThrowsMessage<Error>(HasSubstr("the token <|video|>")));
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
