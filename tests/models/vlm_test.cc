// Vision-language families against transformers: token ids, pixels, tower outputs and logits of
// tiny random checkpoints.
#include <gtest/gtest.h>

#include "engine/prepare.h"
#include "golden_model.h"

namespace saccade {
namespace {

class VlmGolden : public GoldenModel {
 protected:
  engine::PreparedPrompt prepare(const boost::json::object& golden) {
    return engine::prepare_prompt(*processor_, goldens::greedy_request(golden, 1), {}, nullptr);
  }

  /// The pixels of pictures cut into patches, one after the other, beside those that the goldens
  /// have in the same places.
  struct Pixels {
    std::vector<float> found;
    std::vector<float> wanted;
  };

  /// wanted [tiles, 3, height, width], of which a picture has those from `tile` on. Tiles of
  /// several sizes are padded there with zeros; pixels that fill no patch are compared with
  /// nothing.
  static void add_pixels(Pixels& pixels, const media::Patches& patches, const Shape& shape,
                         const std::vector<float>& wanted, std::int64_t& tile) {
    const auto side = std::llround(std::sqrt(static_cast<double>(patches.values.size()) /
                                             static_cast<double>(3 * patches.count())));
    const float* from = patches.values.data();
    for (const media::Size& size : patches.tile_sizes()) {
      ASSERT_LT(tile, shape[0]);
      ASSERT_LE(size.height * side, shape[2]);
      ASSERT_LE(size.width * side, shape[3]);
      const float* in_tile = &wanted[tile++ * 3 * shape[2] * shape[3]];
      for (std::int64_t patch = 0; patch < std::int64_t{size.height} * size.width; ++patch) {
        for (std::int64_t i = 0; i < 3 * side * side; ++i) {
          const std::int64_t y = patch / size.width * side + i / side % side;
          const std::int64_t x = patch % size.width * side + i % side;
          pixels.found.push_back(*from++);
          pixels.wanted.push_back(in_tile[(i / side / side * shape[2] + y) * shape[3] + x]);
        }
      }
    }
  }

  /// Patches [tiles * rows * columns, y * x * channel], as some families' processors give them.
  static std::vector<float> channels_last(const media::Patches& patches) {
    const media::PatchGrid& grid = patches.grid;
    const std::size_t elements = patches.values.size() / grid.tiles / grid.h / grid.w;
    const std::size_t area = elements / 3;
    std::vector<float> values(patches.values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t place = i % elements;
      values[i - place + place % area * 3 + place / area] = patches.values[i];
    }
    return values;
  }
};

TEST_P(VlmGolden, PromptsTokensAndPixels) {
  int pictures = 0;
  for (const auto& item : cases_.as_array()) {
    const boost::json::object& golden = item.as_object();
    const std::string name(golden.at("name").as_string());
    SCOPED_TRACE(name);
    const auto prepared = prepare(golden);
    if (golden.contains("prompt")) {
      EXPECT_EQ(prepared.rendered, golden.at("prompt").as_string());
    }
    EXPECT_EQ(prepared.prompt.token_ids, goldens::prompt_ids(golden));
    if (!expected_.entries().contains(name + ".pixel_values")) continue;
    const HostTensor golden_pixels = expected_.tensor(name + ".pixel_values");
    const std::vector<float> wanted = goldens::values(golden_pixels);
    Pixels pixels;
    std::int64_t tiles = 0;
    bool one_size = true;
    for (const media::Patches& patches : prepared.patches) {
      if (golden_pixels.shape.rank() == 2) {
        const std::vector<float> picture = channels_last(patches);
        pixels.wanted.assign(wanted.begin(), wanted.end());
        pixels.found.insert(pixels.found.end(), picture.begin(), picture.end());
        continue;
      }
      add_pixels(pixels, patches, golden_pixels.shape, wanted, tiles);
      one_size = one_size && patches.tile_grids.empty();
    }
    if (golden_pixels.shape.rank() > 2) {
      EXPECT_EQ(tiles, golden_pixels.shape[0]);
    }
    if (one_size) {
      EXPECT_EQ(pixels.found.size(), wanted.size());
    }
    EXPECT_LT(goldens::deviation(pixels.found, pixels.wanted), 1e-6);
    ++pictures;
  }
  // The goldens of these have none: that what their towers make of them agrees has to do.
  const bool without_pixels = GetParam() == "florence2/published_bf16" ||
                              GetParam() == "gemma4/e2b_bf16" || GetParam() == "gemma4/moe_f32" ||
                              GetParam().starts_with("fast_vlm/") ||
                              GetParam().starts_with("deepseek_ocr2/");
  EXPECT_EQ(pictures > 0, !without_pixels);
}

TEST_P(VlmGolden, EmbeddingsAndLogits) {
  double worst_embeds = 0.0;
  double worst_logits = 0.0;
  for (const auto& item : cases_.as_array()) {
    const boost::json::object& golden = item.as_object();
    const std::string name(golden.at("name").as_string());
    SCOPED_TRACE(name);
    const auto prepared = prepare(golden);
    std::vector<float> embeds;
    std::vector<Tensor> images;
    for (const media::Patches& patches : prepared.patches) {
      images.push_back(model_->encode(patches));
      EXPECT_EQ(images.back().rows(), processor_->image_tokens(patches.grid));
      const std::vector<float> part = download(images.back());
      embeds.insert(embeds.end(), part.begin(), part.end());
    }
    if (!images.empty()) {
      const double off =
          goldens::deviation(embeds, goldens::values(expected_.tensor(name + ".image_embeds")));
      EXPECT_LT(off, kTolerance);
      worst_embeds = std::max(worst_embeds, off);
    }
    const double off = goldens::deviation(last_logits(prepared.prompt, images),
                                          goldens::values(expected_.tensor(name + ".logits")));
    EXPECT_LT(off, kTolerance);
    worst_logits = std::max(worst_logits, off);
  }
  RecordProperty("embeddings", std::to_string(worst_embeds));
  RecordProperty("logits", std::to_string(worst_logits));
  std::printf("%s: embeddings within %.1e, logits within %.1e\n", GetParam().c_str(), worst_embeds,
              worst_logits);
}

/// A device to whose steps the smallest picture is a large one.
class SmallSteps : public compute::cpu::CpuDevice {
 public:
  SmallSteps() : CpuDevice({2, {}, /*rounded_inputs=*/false}) {}
  std::int64_t batch_tokens() const override { return 4; }
};

TEST_P(VlmGolden, LargePicturesAreTakenInPiecesToTheSameBits) {
  SmallSteps small;
  const auto in_pieces = models::load_model(checkpoint_, small, {});
  for (const auto& item : cases_.as_array()) {
    const boost::json::object& golden = item.as_object();
    SCOPED_TRACE(std::string(golden.at("name").as_string()));
    for (const media::Patches& patches : prepare(golden).patches) {
      EXPECT_EQ(download(in_pieces->encode(patches)), download(model_->encode(patches)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, VlmGolden,
                         testing::ValuesIn(goldens::checkpoints_of(goldens::vision_families())),
                         [](const auto& named) { return goldens::test_name(named.param); });

}  // namespace
}  // namespace saccade
