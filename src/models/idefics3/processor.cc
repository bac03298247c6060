#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "media/crop.h"
#include "media/image_settings.h"
#include "models/idefics3/idefics3.h"
#include "models/processor_files.h"
#include "models/vlm_processor.h"

namespace saccade::models::idefics3 {
namespace {

using media::Image;
using media::Size;

// However large a picture is asked to be made; fixed in the reference implementation.
constexpr int kMaxSide = 4096;

struct ImageParams {
  media::ImageSettings settings;
  int longest_edge = 4 * 364;
  int tile = 364;  ///< side of a tile
  bool split = true;
};

ImageParams read_image_params(const JsonObject& config) {
  const std::vector<std::string_view> keys = {"max_image_size", "do_image_splitting", "do_pad"};
  ImageParams params;
  params.settings = media::read_image_settings(
      config,
      {{.type = "Idefics3ImageProcessor", .resample = media::Resample::kLanczos, .keys = keys},
       {.type = "SmolVLMImageProcessor", .resample = media::Resample::kLanczos, .keys = keys}});
  if (config.has("size") && !media::read_edge(config, "size", "longest_edge")) {
    fail("{}: \"size\" must have longest_edge", config.where());
  }
  params.longest_edge =
      media::read_edge(config, "size", "longest_edge").value_or(params.longest_edge);
  params.tile = media::read_edge(config, "max_image_size", "longest_edge").value_or(params.tile);
  params.split = config.boolean_or("do_image_splitting", true);
  return params;
}

int round_up(int length, int step) {
  return (length + step - 1) / step * step;
}

/// The longer side becomes `edge`; the shorter one keeps the aspect and is made even. As
/// transformers computes it, with the aspect as one rounded number.
Size scale_to_edge(const media::Picture& picture, int edge) {
  const double aspect = static_cast<double>(picture.width()) / picture.height();
  Size size;
  const auto even = [](double length) { return (static_cast<int>(length) + 1) / 2 * 2; };
  if (picture.width() >= picture.height()) {
    size = {even(edge / aspect), edge};
  } else {
    size = {edge, even(edge * aspect)};
  }
  size = {std::max(size.height, 1), std::max(size.width, 1)};
  // Nothing may be larger than kMaxSide on its longer side.
  const double scaled = static_cast<double>(size.width) / size.height;
  if (size.width >= size.height && size.width > kMaxSide) {
    size = {static_cast<int>(kMaxSide / scaled), kMaxSide};
  } else if (size.height > size.width && size.height > kMaxSide) {
    size = {kMaxSide, static_cast<int>(kMaxSide * scaled)};
  }
  return {std::max(size.height, 1), std::max(size.width, 1)};
}

/// Both sides up to whole tiles.
Size whole_tiles(const Size& size, int tile) {
  const double aspect = static_cast<double>(size.width) / size.height;
  if (size.width >= size.height) {
    const int width = round_up(size.width, tile);
    return {round_up(static_cast<int>(width / aspect), tile), width};
  }
  const int height = round_up(size.height, tile);
  return {height, round_up(static_cast<int>(height * aspect), tile)};
}

class Idefics3Processor : public VlmProcessor {
 public:
  Idefics3Processor(const checkpoint::Checkpoint& checkpoint, const Config& config,
                    const ProcessorFiles& files)
      : VlmProcessor(checkpoint, config.image_token, config.text.decoder.vocab_size),
        config_(config),
        params_(read_image_params(files.image_processor())) {
    files.refuse_unknown({"image_seq_len"});
    const int cell = config.vision.patch_size * config.scale_factor;
    if (params_.tile % cell != 0) {
      fail("{}: tiles of {} pixels are not made of whole tokens of {}",
           files.image_processor().where(), params_.tile, cell);
    }
    tile_tokens_ = std::int64_t{params_.tile / cell} * (params_.tile / cell);
    const std::int64_t said = files.processor().integer_or("image_seq_len", 169);
    if (said != tile_tokens_) {
      fail("{}: image_seq_len {} differs from the {} tokens of a tile of {} pixels",
           files.processor().where(), said, tile_tokens_, params_.tile);
    }
  }

  std::int64_t image_tokens(const media::PatchGrid& grid) const override {
    return tile_tokens_ * grid.tiles;
  }

 protected:
  media::Patches prepare_image(const media::Picture& picture) const override {
    const int side = params_.tile;
    const auto resize = [&](const media::Picture& from, const Size& size) {
      return from.resized(size.width, size.height, params_.settings.resample);
    };
    Image image = params_.settings.do_resize
                      ? resize(picture, scale_to_edge(picture, params_.longest_edge))
                      : picture.pixels();
    std::vector<Image> tiles;
    int rows = 1;
    int columns = 1;
    if (params_.split) {
      image = resize(image, whole_tiles({image.height, image.width}, side));
      rows = image.height / side;
      columns = image.width / side;
      for (int i = 0; i < rows * columns; ++i) {
        tiles.push_back(media::crop(image, i % columns * side, i / columns * side, side, side));
      }
    }
    // Last, the picture as a whole; one that is a single tile is that already.
    if (tiles.size() != 1) tiles.push_back(resize(image, {side, side}));
    return media::tiles_to_patches(tiles, rows, columns, config_.vision.patch_size,
                                   params_.settings.scale);
  }

  std::string picture_text(const media::PatchGrid& grid) const override {
    const std::string around = "<fake_token_around_image>";
    const std::string tile = repeated(image_token_text(), tile_tokens_);
    std::string text;
    if (grid.tiles > 1) {
      for (int row = 1; row <= grid.tile_rows; ++row) {
        for (int column = 1; column <= grid.tile_columns; ++column) {
          text += fmt::format("{}<row_{}_col_{}>{}", around, row, column, tile);
        }
        text += "\n";
      }
      text += "\n";
    }
    return text + around + "<global-img>" + tile + around;
  }

 private:
  Config config_;
  ImageParams params_;
  std::int64_t tile_tokens_ = 0;
};

}  // namespace

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  return std::make_unique<Idefics3Processor>(checkpoint, read_config(checkpoint),
                                             ProcessorFiles(checkpoint));
}

}  // namespace saccade::models::idefics3
