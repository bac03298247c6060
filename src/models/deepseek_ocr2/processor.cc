#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "media/crop.h"
#include "media/image_settings.h"
#include "models/anyres.h"
#include "models/config_reading.h"
#include "models/deepseek_ocr2/deepseek_ocr2.h"
#include "models/deepseek_ocr2/encoder.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::deepseek_ocr2 {
namespace {

using media::Image;

// Published without a template: prompts are plain text, a picture being a line of its own.
constexpr std::string_view kPlainPrompt =
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>\\n' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{% endfor %}";

struct ImageParams {
  media::ImageSettings settings;
  int side = 1024;  ///< of the view of the whole
  int tile = 768;   ///< side of a tile
  bool tiles = true;
  int min_tiles = 2;
  int max_tiles = 6;
  std::array<std::uint8_t, 3> background = {127, 127, 127};
};

std::array<std::uint8_t, 3> read_background(const JsonObject& config) {
  if (!config.has("background_color")) return {127, 127, 127};
  const std::vector<std::int64_t> colour = config.integers("background_color");
  const bool sound = colour.size() == 3 && std::ranges::all_of(colour, [](std::int64_t value) {
                       return value >= 0 && value <= 255;
                     });
  if (!sound) fail("{}: background_color must be three bytes", config.where());
  std::array<std::uint8_t, 3> bytes;
  std::ranges::transform(colour, bytes.begin(),
                         [](std::int64_t value) { return static_cast<std::uint8_t>(value); });
  return bytes;
}

ImageParams read_image_params(const JsonObject& config) {
  constexpr int kMaxSide = 1 << 14;
  ImageParams params;
  params.settings =
      media::read_image_settings(config, {{.type = "DeepseekOcr2ImageProcessor",
                                           .keys = {"crop_to_patches", "min_patches", "max_patches",
                                                    "tile_size", "background_color"}}});
  if (!params.settings.do_resize) {
    fail("{}: do_resize false is not supported: views have sizes of their own", config.where());
  }
  if (const auto size = media::read_size(config, "size")) {
    if (size->height != size->width) {
      fail("{}: size {} x {} is not square", config.where(), size->width, size->height);
    }
    params.side = size->height;
  }
  params.tile = read_int_or(config, "tile_size", params.tile, 1, kMaxSide);
  params.tiles = config.boolean_or("crop_to_patches", true);
  params.min_tiles = read_int_or(config, "min_patches", params.min_tiles, 1, 1024);
  params.max_tiles = read_int_or(config, "max_patches", params.max_tiles, params.min_tiles, 1024);
  params.background = read_background(config);
  // Without tiles the whole is as small as one.
  if (!params.tiles) params.side = params.tile;
  return params;
}

class DeepseekOcr2Processor : public VlmProcessor {
 public:
  DeepseekOcr2Processor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                        const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size,
                     ChatUse::kTemplate, kPlainPrompt),
        patch_(config.sam.patch_size),
        params_(read_image_params(files.image_processor())) {
    files.refuse_unknown({"patch_size", "downsample_ratio"});
    const JsonObject processor = files.processor();
    if (processor.integer_or("patch_size", 16) != patch_) {
      fail("{}: patch_size {} differs from config.json's, {}", processor.where(),
           processor.integer_or("patch_size", 16), patch_);
    }
    files.expect("downsample_ratio", kDownsampling);
    whole_tokens_ = view_tokens(params_.side, files.image_processor());
    tile_tokens_ = params_.tiles ? view_tokens(params_.tile, files.image_processor()) : 0;
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return whole_tokens_ + tile_tokens_ * (grid.tiles - 1) + 1;
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const auto resized = [&](int width, int height) {
      return picture.resized(width, height, params_.settings.resample);
    };
    const int longest = std::max(picture.width(), picture.height());
    std::vector<Image> views;
    if (params_.tiles && longest > params_.tile) {
      picture.pixels();  // needed twice, and decoded once
      const media::Size grid =
          closest_arrangement({picture.height(), picture.width()}, {params_.tile, params_.tile},
                              params_.min_tiles, params_.max_tiles);
      views = cut_evenly(resized(grid.width * params_.tile, grid.height * params_.tile), grid);
    }
    const double scale = static_cast<double>(params_.side) / longest;
    const auto scaled = [&](int length) {
      return std::max(1, static_cast<int>(std::nearbyint(length * scale)));
    };
    views.push_back(media::pad_centered(resized(scaled(picture.width()), scaled(picture.height())),
                                        params_.side, params_.side, params_.background));
    return media::parts_to_patches(views, patch_, params_.settings.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return repeated(image_token_text(), image_tokens(grid));
  }

 private:
  /// The tokens of a view of so many pixels along a side, which must be those of its queries.
  std::int64_t view_tokens(int side, const JsonObject& settings) const {
    const int cell = patch_ * kDownsampling;
    const std::int64_t tokens = std::int64_t{side / cell} * (side / cell);
    if (side % cell != 0 || tokens != QueryEncoder::tokens(tokens)) {
      fail("{}: views of {} pixels do not make {} or {} tokens of {} pixels", settings.where(),
           side, kSmallViewTokens, kLargeViewTokens, cell);
    }
    return tokens;
  }

  int patch_;
  ImageParams params_;
  std::int64_t whole_tokens_ = 0;
  std::int64_t tile_tokens_ = 0;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<DeepseekOcr2Processor>(checkpoint, read_config(checkpoint),
                                                 ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::deepseek_ocr2
