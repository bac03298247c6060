// What only Idefics2 has: parts of several sizes, marks that are shared, a perceiver.
#include "checkpoint_copy.h"

namespace saccade::models {
namespace {

TEST(Idefics2, ConfigsAreRefusedByName) {
  const std::tuple<const char*, boost::json::value, const char*> changes[] = {
      {"resampler_n_latents", 0, "resampler_n_latents"},
      {"resampler_n_latents", std::int64_t{1} << 40, "resampler_n_latents"},
      {"resampler_n_latents", 6, "image_seq_len 5 differs"},
      {"resampler_depth", -1, "resampler_depth"},
      {"num_key_value_heads", 3, "resampler_n_heads 4 over 3 key-value heads"},
      {"hidden_act", "mish", "hidden_act \"mish\""}};
  for (const auto& [key, value, message] : changes) {
    CheckpointCopy copy("idefics2/split_f32");
    copy.config.at("perceiver_config").as_object()[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(Idefics2, ProcessorsAreRefusedByName) {
  const std::tuple<const char*, boost::json::value, const char*> changes[] = {
      {"size", boost::json::object({{"longest_edge", 63}}), "\"size\" must have shortest_edge"},
      {"size", boost::json::object({{"shortest_edge", 3}, {"longest_edge", 63}}),
       "smaller than a patch of 5"},
      {"resample", 0, "resample"},
      {"do_sharpen", true, "\"do_sharpen\" is not supported"}};
  for (const auto& [key, value, message] : changes) {
    CheckpointCopy copy("idefics2/whole_bf16");
    boost::json::object settings = copy.json("preprocessor_config.json");
    settings[key] = value;
    copy.write("preprocessor_config.json", settings);
    copy.expect_refusal(message);
  }
}

TEST(Idefics2, PartsOfAPictureHaveSizesOfTheirOwn) {
  CheckpointCopy copy("idefics2/split_f32");
  copy.load();
  const media::Image image{61, 97, std::vector<std::uint8_t>(3 * 61 * 97)};
  const media::Patches patches = copy.processor->process_image(image, {}, true);
  // Quarters of 30 and 31 by 48 and 49 pixels stay so; the whole becomes 35 x 56.
  const std::vector<media::Size> wanted = {{6, 4}, {6, 4}, {7, 4}, {7, 4}, {8, 5}};
  EXPECT_EQ(patches.tile_sizes(), wanted);
  EXPECT_EQ(patches.count(), 24 + 24 + 28 + 28 + 40);
  EXPECT_EQ(patches.values.size(), 144U * 3 * 7 * 7);
  EXPECT_EQ(copy.processor->image_tokens(patches.grid), 5 * 5);
}

TEST(Idefics2, APictureWithoutQuartersIsRefused) {
  CheckpointCopy copy("idefics2/split_f32");
  copy.load();
  const media::Image image{1, 30, std::vector<std::uint8_t>(3 * 30)};
  EXPECT_THAT([&] { copy.processor->process_image(image, {}, true); },
              testing::ThrowsMessage<Error>(
                  testing::HasSubstr("a picture of 1 x 30 pixels cannot be split into quarters")));
}

TEST(Idefics2, MarksAreSharedAndStandApartFromWords) {
  CheckpointCopy copy("idefics2/split_f32");
  copy.load();
  const auto mark = copy.processor->tokenizer().encode("<fake_token_around_image>", {});
  ASSERT_EQ(mark.size(), 1U);
  const media::PatchGrid grid{1, 4, 4, 5};
  const auto tokens = [&](const std::string& text, const std::vector<int>& order) {
    return copy.processor->tokenize(text, order, {grid, grid}).token_ids;
  };
  const auto count_marks = [&](const std::vector<std::int32_t>& ids) {
    return std::count(ids.begin(), ids.end(), mark[0]);
  };
  EXPECT_EQ(count_marks(tokens("a <image> b", {0})), 6);
  EXPECT_EQ(count_marks(tokens("<image><image>", {0, 1})), 11);
  EXPECT_EQ(count_marks(tokens("<image> <image>", {0, 1})), 12);
  EXPECT_EQ(tokens("<image>word", {0}), tokens("<image> word", {0}));
  EXPECT_NE(tokens("<image>  word", {0}), tokens("<image> word", {0}));
  EXPECT_NE(tokens("<image><s>", {0}), tokens("<image> <s>", {0}));
  // A space of any kind is one: U+00A0.
  EXPECT_NE(tokens("<image>\u00a0word", {0}), tokens("<image> \u00a0word", {0}));
}

}  // namespace
}  // namespace saccade::models
