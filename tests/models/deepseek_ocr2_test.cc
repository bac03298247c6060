// What only DeepSeek-OCR 2 has: scaled tables of positions, prompts without a template, and what
// its config may say.
#include "checkpoint_copy.h"
#include "models/deepseek_ocr2/sam.h"

namespace saccade::models {
namespace {

using boost::json::array;

constexpr const char* kGolden = "deepseek_ocr2/saved_bf16";

TEST(DeepseekOcr2, TextConfigsAreRefusedByName) {
  const std::tuple<const char*, boost::json::value, const char*> changes[] = {
      {"topk_method", "group_limited_greedy", "topk_method \"group_limited_greedy\""},
      {"scoring_func", "sigmoid", "scoring_func \"sigmoid\""},
      {"use_mla", true, "use_mla is not supported"},
      {"mlp_bias", true, "mlp_bias is not supported"},
      {"head_dim", 16, "head_dim 16"},
      {"n_routed_experts", std::int64_t{1} << 40, "n_routed_experts"},
      {"num_experts_per_tok", 7, "num_experts_per_tok"},
      {"mlp_layer_types", array({"dense"}), "mlp_layer_types must list 3 layers"},
      {"mlp_layer_types", array({"dense", "sparse", "linear"}), "mlp_layer_types: \"linear\""}};
  for (const auto& [key, value, message] : changes) {
    CheckpointCopy copy(kGolden);
    copy.config.at("text_config").as_object()[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(DeepseekOcr2, TowersAreRefusedByName) {
  const std::tuple<const char*, const char*, boost::json::value, const char*> changes[] = {
      {"sam_config", "global_attn_indexes", array({1, 4}),
       "global_attn_indexes names layer 4 of 4"},
      {"sam_config", "num_attention_heads", 5, "does not divide among 5 heads"},
      {"sam_config", "use_rel_pos", false, "use_rel_pos false"},
      {"sam_config", "window_size", 0, "window_size"},
      {"sam_config", "image_size", std::int64_t{1} << 40, "image_size"},
      {"sam_config", "downsample_channels", array({14}), "downsample_channels must be two sizes"},
      {"sam_config", "downsample_channels", array({14, 24}), "hidden_size 20 differs"},
      {"encoder_config", "num_hidden_layers", 0, "num_hidden_layers"},
      {"encoder_config", "hidden_act", "mish", "hidden_act \"mish\""}};
  for (const auto& [part, key, value, message] : changes) {
    CheckpointCopy copy(kGolden);
    auto& vision = copy.config.at("vision_config").as_object();
    vision.at(part).as_object()[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(DeepseekOcr2, ProcessorsAreRefusedByName) {
  const std::tuple<const char*, boost::json::value, const char*> changes[] = {
      {"tile_size", 90, "views of 90 pixels do not make 144 or 256 tokens"},
      {"tile_size", 64, "views of 64 pixels do not make"},
      {"max_patches", 1, "max_patches"},
      {"background_color", array({1, 2, 256}), "background_color must be three bytes"},
      {"do_resize", false, "do_resize false"}};
  for (const auto& [key, value, message] : changes) {
    CheckpointCopy copy(kGolden);
    boost::json::object settings = copy.json("processor_config.json");
    settings.at("image_processor").as_object()[key] = value;
    copy.write("processor_config.json", settings);
    copy.expect_refusal(message);
  }
  for (const auto& [key, message] :
       {std::pair{"downsample_ratio", "downsample_ratio 8 does not fit"},
        {"patch_size", "patch_size 8 differs"}}) {
    CheckpointCopy copy(kGolden);
    boost::json::object settings = copy.json("processor_config.json");
    settings[key] = 8;
    copy.write("processor_config.json", settings);
    copy.expect_refusal(message);
  }
}

TEST(DeepseekOcr2, OlderFilesCountTheDenseLayers) {
  CheckpointCopy copy(kGolden);
  auto& text = copy.config.at("text_config").as_object();
  text.erase("mlp_layer_types");
  text["first_k_dense_replace"] = 1;
  EXPECT_NO_THROW(copy.load());
  text["first_k_dense_replace"] = 4;
  copy.expect_refusal("first_k_dense_replace");
}

TEST(DeepseekOcr2, WithoutATemplateAPromptIsPlainText) {
  CheckpointCopy copy(kGolden);
  copy.load();
  const std::vector<ChatMessage> messages = {{"user", {{"", 0}, {"Free OCR.", -1}}}};
  const std::string with_template = copy.processor->render(messages, true);
  std::filesystem::remove(copy.path() / "chat_template.jinja");
  copy.load();
  EXPECT_EQ(copy.processor->render(messages, true) + "\n", with_template);
  EXPECT_THAT(copy.processor->render({{"user", {{"Hello.", -1}}}}, true),
              testing::EndsWith(">Hello."));
}

TEST(DeepseekOcr2, TablesAreScaledAsPyTorchScalesThem) {
  // interpolate(mode="linear", align_corners=False) of 0, 1, 2.
  const std::vector<float> scaled = deepseek_ocr2::scale_table({0, 1, 2}, 3, 5, 1);
  const std::vector<float> wanted = {0.0f, 0.4f, 1.0f, 1.6f, 2.0f};
  ASSERT_EQ(scaled.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(scaled[i], wanted[i], 1e-6);
  // What is the same everywhere stays so, and a ramp keeps its mean.
  for (const float value :
       deepseek_ocr2::scale_positions(std::vector<float>(2 * 64, 3.0f), 8, 6, 2)) {
    EXPECT_NEAR(value, 3.0f, 1e-6);
  }
  std::vector<float> ramp;
  for (int i = 0; i < 64; ++i) ramp.push_back(static_cast<float>(i % 8));
  const std::vector<float> smaller = deepseek_ocr2::scale_positions(ramp, 8, 6, 1);
  double sum = 0.0;
  for (int i = 0; i < 36; ++i) {
    sum += smaller[i];
    EXPECT_NEAR(smaller[i], smaller[i % 6], 1e-6);  // rows are alike
  }
  EXPECT_NEAR(sum / 36, 3.5, 1e-5);
}

}  // namespace
}  // namespace saccade::models
