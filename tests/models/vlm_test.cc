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

  /// Pixels [tiles, channel, y, x] out of patches [tiles * rows * columns, channel * y * x].
  static std::vector<float> pixels_of(const media::Patches& patches) {
    const media::PatchGrid& grid = patches.grid;
    const std::size_t count = std::size_t{1} * grid.tiles * grid.h * grid.w;
    const auto side = static_cast<std::size_t>(std::lround(
        std::sqrt(static_cast<double>(patches.values.size()) / static_cast<double>(3 * count))));
    const std::size_t width = grid.w * side;
    const std::size_t height = grid.h * side;
    std::vector<float> pixels(patches.values.size());
    std::size_t from = 0;
    for (std::size_t patch = 0; patch < count; ++patch) {
      const std::size_t tile = patch / grid.w / grid.h;
      const std::size_t top = patch / grid.w % grid.h * side;
      const std::size_t left = patch % grid.w * side;
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t y = 0; y < side; ++y) {
          for (std::size_t x = 0; x < side; ++x) {
            pixels[((tile * 3 + c) * height + top + y) * width + left + x] = patches.values[from++];
          }
        }
      }
    }
    return pixels;
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
    EXPECT_EQ(prepared.rendered, golden.at("prompt").as_string());
    EXPECT_EQ(prepared.prompt.token_ids, goldens::ids(golden.at("input_ids")));
    if (!expected_.entries().contains(name + ".pixel_values")) continue;
    const HostTensor wanted = expected_.tensor(name + ".pixel_values");
    std::vector<float> pixels;
    for (const media::Patches& patches : prepared.patches) {
      const std::vector<float> picture =
          wanted.shape.rank() == 2 ? channels_last(patches) : pixels_of(patches);
      pixels.insert(pixels.end(), picture.begin(), picture.end());
    }
    EXPECT_LT(goldens::deviation(pixels, goldens::values(wanted)), 1e-6);
    ++pictures;
  }
  // Gemma 4's pixels are in one golden of its three.
  const bool without_pixels = GetParam() == "gemma4/e2b_bf16" || GetParam() == "gemma4/moe_f32";
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

INSTANTIATE_TEST_SUITE_P(Checkpoints, VlmGolden,
                         testing::ValuesIn(goldens::checkpoints_of(goldens::vision_families())),
                         [](const auto& named) { return goldens::test_name(named.param); });

}  // namespace
}  // namespace saccade
