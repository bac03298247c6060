#include <algorithm>
#include <array>

#include "base/error.h"
#include "media/crop.h"
#include "media/image_settings.h"
#include "models/anyres.h"
#include "models/llava_next/llava_next.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::llava_next {
namespace {

using media::Image;

media::ImageSettings read_settings(const JsonObject& config, const Config& model) {
  const media::PixelScale clip;
  const std::vector<std::string_view> keys = {"crop_size", "do_center_crop", "do_pad",
                                              "image_grid_pinpoints"};
  const media::ImageSettings settings = media::read_image_settings(
      config,
      {{.type = model.onevision() ? "LlavaOnevisionImageProcessor" : "LlavaNextImageProcessor",
        .mean = clip.mean,
        .std = clip.std,
        .keys = keys}});
  // Tiles have the tower's size; any other would be scaled and cropped once more.
  const int tile = model.tile();
  const media::Size square{tile, tile};
  const auto size = media::read_size(config, "size");
  const auto edge = media::read_edge(config, "size", "shortest_edge");
  const bool crops = config.boolean_or("do_center_crop", !model.onevision());
  const auto crop = media::read_size(config, "crop_size");
  if (config.has("size") && size.value_or(square) != square) {
    fail("{}: \"size\" differs from config.json's image_size, {}", config.where(), tile);
  }
  if (edge.value_or(tile) != tile) {
    fail("{}: shortest_edge {} differs from config.json's image_size, {}", config.where(), *edge,
         tile);
  }
  if (crops && crop.value_or(square) != square) {
    fail("{}: \"crop_size\" differs from config.json's image_size, {}", config.where(), tile);
  }
  if (read_resolutions(config, tile, model.resolutions) != model.resolutions) {
    fail("{}: image_grid_pinpoints differ from config.json's", config.where());
  }
  return settings;
}

class LlavaNextProcessor : public VlmProcessor {
 public:
  LlavaNextProcessor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                     const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        config_(config),
        settings_(read_settings(files.image_processor(), config)),
        mean_(media::mean_colour(files.image_processor())) {
    check(files);
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return config_.picture_tokens(grid);
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const media::Size resolution =
        best_resolution({picture.height(), picture.width()}, config_.resolutions);
    const AnyresTiles cut = cut_tiles(picture.pixels(), resolution, config_.tile(),
                                      config_.vision.patch_size, settings_.resample);
    return media::tiles_to_patches(cut.tiles, cut.rows, cut.columns, config_.vision.patch_size,
                                   settings_.scale, cut.content);
  }

  /// LLaVA-OneVision reads each of several pictures as one tile.
  media::Patches prepare_one_of_several(const media::Picture& picture) const override {
    if (!config_.onevision()) return prepare_image(picture);
    const int tile = config_.tile();
    const Image square = media::resize(media::pad_to_square(picture.pixels(), mean_), tile, tile,
                                       settings_.resample);
    return media::tiles_to_patches({&square, 1}, 1, 1, config_.vision.patch_size, settings_.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return repeated(image_token_text(), image_tokens(grid));
  }

 private:
  void check(const ProcessorFiles& files) const {
    files.refuse_unknown({"patch_size", "vision_feature_select_strategy", "image_token",
                          "num_additional_image_tokens", "num_image_tokens", "video_token",
                          "vision_aspect_ratio"});
    const bool class_token = config_.vision.has_class_token();
    files.expect("patch_size", config_.vision.patch_size);
    files.expect("num_additional_image_tokens", class_token ? 1 : 0);
    files.expect("num_image_tokens",
                 std::int64_t{config_.vision.grid_height} * config_.vision.grid_width);
    files.expect("vision_feature_select_strategy", class_token ? "default" : "full");
    if (config_.onevision()) {
      files.expect("vision_aspect_ratio", fmt::format("anyres_max_{}", config_.max_tiles));
    }
  }

  Config config_;
  media::ImageSettings settings_;
  std::array<std::uint8_t, 3> mean_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<LlavaNextProcessor>(checkpoint, read_config(checkpoint),
                                              ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::llava_next
