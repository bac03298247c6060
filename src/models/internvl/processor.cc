#include "base/error.h"
#include "media/image_settings.h"
#include "models/anyres.h"
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
    const media::Size grid = closest_arrangement({picture.height(), picture.width()}, params_.tile,
                                                 params_.min_tiles, params_.max_tiles);
    // Needed twice then, and decoded once.
    if (grid.width * grid.height > 1) picture.pixels();
    std::vector<Image> tiles = cut_evenly(resize(grid.width, grid.height), grid);
    if (tiles.size() > 1) tiles.push_back(resize(1, 1));
    return media::tiles_to_patches(tiles, grid.height, grid.width, config_.vision.patch_size,
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
