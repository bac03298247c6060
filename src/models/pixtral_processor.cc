#include "models/pixtral_processor.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "media/image_settings.h"
#include "models/vlm_processor.h"

namespace saccade::models {
namespace {

struct ImageParams {
  media::ImageSettings settings;
  media::Size largest;
};

ImageParams read_image_params(const JsonObject& config) {
  const media::PixelScale clip;
  ImageParams params;
  params.settings =
      media::read_image_settings(config, {{.type = "PixtralImageProcessor",
                                           .mean = clip.mean,
                                           .std = clip.std,
                                           .keys = {"patch_size", "do_center_crop"}}});
  const int edge = media::read_edge(config, "size", "longest_edge").value_or(1024);
  params.largest = media::read_size(config, "size").value_or(media::Size{edge, edge});
  if (config.boolean_or("do_center_crop", false)) {
    fail("{}: \"do_center_crop\" is not supported", config.where());
  }
  if (!params.settings.do_resize) {
    fail("{}: \"do_resize\" must be true: sides must be made of whole patches", config.where());
  }
  return params;
}

class PixtralProcessor : public VlmProcessor {
 public:
  PixtralProcessor(const checkpoint::Checkpoint& checkpoint, const ProcessorFiles& files,
                   const PixtralPrompt& prompt)
      : VlmProcessor(checkpoint, prompt.image_token, prompt.vocab_size),
        prompt_(prompt),
        params_(read_image_params(files.image_processor())) {
    files.refuse_unknown({"patch_size", "spatial_merge_size", "image_token", "image_break_token",
                          "image_end_token"});
    const JsonObject processor = files.processor();
    break_text_ = processor.string_or("image_break_token", "[IMG_BREAK]");
    end_text_ = processor.string_or("image_end_token", "[IMG_END]");
    if (processor.string_or("image_token", "[IMG]") != image_token_text()) {
      fail("{}: image_token differs from the token that config.json names, {}", processor.where(),
           image_token_text());
    }
    if (processor.integer_or("patch_size", prompt.patch_size) != prompt.patch_size ||
        processor.integer_or("spatial_merge_size", prompt.merge_size) != prompt.merge_size) {
      fail("{}: patch_size and spatial_merge_size differ from config.json's {} and {}",
           processor.where(), prompt.patch_size, prompt.merge_size);
    }
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return std::int64_t{grid.h / prompt_.merge_size} * (grid.w / prompt_.merge_size);
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const media::Size size = target_size(picture);
    const media::Image resized =
        picture.resized(size.width, size.height, params_.settings.resample);
    return media::tiles_to_patches({&resized, 1}, 1, 1, prompt_.patch_size, params_.settings.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    const int rows = grid.h / prompt_.merge_size;
    std::string text;
    for (int row = 0; row < rows; ++row) {
      text += repeated(image_token_text(), grid.w / prompt_.merge_size);
      text += row + 1 < rows ? break_text_ : end_text_;
    }
    return text;
  }

 private:
  /// Shrunk into the largest size, the aspect kept, then each side up to whole tokens.
  media::Size target_size(const media::Picture& picture) const {
    const double ratio = std::max(picture.height() / static_cast<double>(params_.largest.height),
                                  picture.width() / static_cast<double>(params_.largest.width));
    const int cell = prompt_.patch_size * prompt_.merge_size;
    const auto side = [&](int length) {
      if (ratio > 1.0) length = static_cast<int>(std::floor(length / ratio));
      // transformers counts (length - 1) / cell + 1 cells, rounding down: none for a length of 0.
      const int cells = length > 0 ? (length - 1) / cell + 1 : 0;
      if (cells == 0) {
        fail(
            "a picture of {} x {} pixels is too long: its shorter side shrinks to nothing; cut it "
            "into pieces",
            picture.width(), picture.height());
      }
      return cells * cell;
    };
    return {side(picture.height()), side(picture.width())};
  }

  PixtralPrompt prompt_;
  ImageParams params_;
  std::string break_text_;
  std::string end_text_;
};

}  // namespace

std::unique_ptr<Processor> load_pixtral_processor(const checkpoint::Checkpoint& checkpoint,
                                                  const ProcessorFiles& files,
                                                  const PixtralPrompt& prompt) {
  return std::make_unique<PixtralProcessor>(checkpoint, files, prompt);
}

}  // namespace saccade::models
