#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "media/crop.h"
#include "media/image_settings.h"
#include "models/config_reading.h"
#include "models/internvl/internvl.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::internvl {
namespace {

using media::Image;
using media::Size;

struct ImageParams {
  media::ImageSettings settings;
  Size tile = {384, 384};
  int min_tiles = 1;
  int max_tiles = 12;
};

ImageParams read_image_params(const JsonObject& config) {
  const media::PixelScale clip;
  ImageParams params;
  params.settings = media::read_image_settings(
      config,
      {{.type = "GotOcr2ImageProcessor",
        .mean = clip.mean,
        .std = clip.std,
        .keys = {"crop_to_patches", "min_patches", "max_patches", "do_center_crop", "do_pad"}}});
  params.tile = media::read_size(config, "size").value_or(params.tile);
  params.min_tiles = read_int_or(config, "min_patches", params.min_tiles, 1, 1024);
  params.max_tiles = read_int_or(config, "max_patches", params.max_tiles, params.min_tiles, 1024);
  for (const std::string_view key : {"do_center_crop", "do_pad"}) {
    if (config.boolean_or(key, false)) fail("{}: \"{}\" is not supported", config.where(), key);
  }
  // crop_to_patches does not count: InternVL's processor of transformers always asks for tiles.
  return params;
}

struct Arrangement {
  int columns = 1;
  int rows = 1;
};

/// The arrangement of tiles whose aspect is closest to the picture's. Of equally close ones, those
/// with more tiles win as long as they have less than twice the picture's pixels.
Arrangement closest_arrangement(const media::Picture& picture, const ImageParams& params) {
  std::vector<Arrangement> all;
  for (int columns = 1; columns <= params.max_tiles; ++columns) {
    for (int rows = 1; columns * rows <= params.max_tiles; ++rows) {
      if (columns * rows >= params.min_tiles) all.push_back({columns, rows});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Arrangement& a, const Arrangement& b) {
    return a.columns * a.rows < b.columns * b.rows;
  });
  const double aspect = static_cast<double>(picture.width()) / picture.height();
  const double area = static_cast<double>(picture.width()) * picture.height();
  const double tile_area = static_cast<double>(params.tile.width) * params.tile.height;
  double best_difference = std::numeric_limits<double>::infinity();
  Arrangement best;
  for (const Arrangement& candidate : all) {
    const double difference =
        std::abs(aspect - static_cast<double>(candidate.columns) / candidate.rows);
    if (difference < best_difference ||
        (difference == best_difference &&
         area > 0.5 * tile_area * candidate.columns * candidate.rows)) {
      best_difference = difference;
      best = candidate;
    }
  }
  return best;
}

/// A special token that tokenizer_config.json names, at the top level or among the extra ones.
std::string named_token(const checkpoint::Checkpoint& checkpoint, std::string_view name,
                        std::string_view otherwise) {
  const auto document = checkpoint.optional_json("tokenizer_config.json");
  if (!document) return std::string(otherwise);
  const JsonObject config(*document, checkpoint.where("tokenizer_config.json"));
  if (config.has(name)) return config.string(name);
  const boost::json::value* extra = config.find("extra_special_tokens");
  if (!extra || !extra->is_object()) return std::string(otherwise);
  return config.object("extra_special_tokens").string_or(name, otherwise);
}

class InternVlProcessor : public VlmProcessor {
 public:
  InternVlProcessor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                    const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        config_(config),
        params_(read_image_params(files.image_processor())),
        start_text_(named_token(checkpoint, "start_image_token", "<img>")),
        end_text_(named_token(checkpoint, "end_image_token", "</img>")) {
    files.refuse_unknown({"image_seq_length"});
    const std::int64_t said = files.processor().integer_or("image_seq_length", 256);
    if (said != config.tile_tokens()) {
      fail("{}: image_seq_length {} differs from the {} tokens that config.json gives a tile",
           files.processor().where(), said, config.tile_tokens());
    }
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return config_.tile_tokens() * grid.tiles;
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const auto [height, width] = params_.tile;
    const auto resize = [&](int columns, int rows) {
      return picture.resized(columns * width, rows * height, params_.settings.resample);
    };
    const Arrangement grid = closest_arrangement(picture, params_);
    // Needed twice then, and decoded once.
    if (grid.columns * grid.rows > 1) picture.pixels();
    const Image whole = resize(grid.columns, grid.rows);
    std::vector<Image> tiles;
    for (int row = 0; row < grid.rows; ++row) {
      for (int column = 0; column < grid.columns; ++column) {
        tiles.push_back(media::crop(whole, column * width, row * height, width, height));
      }
    }
    if (tiles.size() > 1) tiles.push_back(resize(1, 1));
    return media::tiles_to_patches(tiles, grid.rows, grid.columns, config_.vision.patch_size,
                                   params_.settings.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    return start_text_ + repeated(image_token_text(), image_tokens(grid)) + end_text_;
  }

 private:
  Config config_;
  ImageParams params_;
  std::string start_text_;
  std::string end_text_;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<InternVlProcessor>(checkpoint, read_config(checkpoint),
                                             ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::internvl
