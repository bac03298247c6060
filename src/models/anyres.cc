#include "models/anyres.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "media/crop.h"
#include "models/config_reading.h"

namespace saccade::models {
namespace {

using media::Image;
using media::Size;

/// Python's int(round(x, 7)) for x that is not negative.
int whole(double x) {
  return static_cast<int>(std::nearbyint(x * 1e7) / 1e7);
}

/// The largest size of the picture's aspect that fits, its sides rounded up.
Size fitted(const Size& picture, const Size& target) {
  const double across = static_cast<double>(target.width) / picture.width;
  const double down = static_cast<double>(target.height) / picture.height;
  if (across < down) {
    return {std::min(static_cast<int>(std::ceil(picture.height * across)), target.height),
            target.width};
  }
  return {target.height, std::min(static_cast<int>(std::ceil(picture.width * down)), target.width)};
}

}  // namespace

std::vector<Size> read_resolutions(const JsonObject& config, int tile,
                                   const std::vector<Size>& otherwise) {
  constexpr const char* kKey = "image_grid_pinpoints";
  std::vector<Size> resolutions = otherwise;
  if (config.has(kKey)) {
    resolutions.clear();
    const boost::json::value& list = config.at(kKey);
    if (!list.is_array()) fail("{}: {} must be a list", config.where(), kKey);
    for (const boost::json::value& item : list.as_array()) {
      const boost::json::array* pair = item.if_array();
      if (!pair || pair->size() != 2 || !(*pair)[0].is_int64() || !(*pair)[1].is_int64()) {
        fail("{}: {} must be a list of [height, width]", config.where(), kKey);
      }
      const std::int64_t height = (*pair)[0].get_int64();
      const std::int64_t width = (*pair)[1].get_int64();
      if (height < 1 || width < 1 || height > kMaxSize || width > kMaxSize) {
        fail("{}: {} has {} x {}", config.where(), kKey, height, width);
      }
      resolutions.push_back({static_cast<int>(height), static_cast<int>(width)});
    }
  }
  if (resolutions.empty()) fail("{}: {} is empty", config.where(), kKey);
  for (const Size& size : resolutions) {
    if (size.height % tile != 0 || size.width % tile != 0) {
      fail("{}: {} has {} x {}, which is not made of tiles of {}", config.where(), kKey,
           size.height, size.width, tile);
    }
  }
  return resolutions;
}

Size best_resolution(const Size& picture, const std::vector<Size>& resolutions) {
  const std::int64_t pixels = std::int64_t{picture.height} * picture.width;
  Size best;
  std::int64_t most_kept = 0;
  std::int64_t least_wasted = 0;
  for (const Size& size : resolutions) {
    const double scale = std::min(static_cast<double>(size.width) / picture.width,
                                  static_cast<double>(size.height) / picture.height);
    const auto scaled = static_cast<std::int64_t>(picture.width * scale) *
                        static_cast<std::int64_t>(picture.height * scale);
    const std::int64_t kept = std::min(scaled, pixels);
    const std::int64_t wasted = std::int64_t{size.height} * size.width - kept;
    if (kept > most_kept || (kept == most_kept && (best.height == 0 || wasted < least_wasted))) {
      best = size;
      most_kept = kept;
      least_wasted = wasted;
    }
  }
  return best;
}

AnyresTiles cut_tiles(const Image& image, const Size& resolution, int tile, int patch_size,
                      media::Resample resample) {
  const Size picture{image.height, image.width};
  const Size size = fitted(picture, resolution);
  const Image whole_picture =
      media::pad_centered(media::resize(image, size.width, size.height, resample), resolution.width,
                          resolution.height, {0, 0, 0});
  AnyresTiles result;
  result.rows = resolution.height / tile;
  result.columns = resolution.width / tile;
  result.tiles.push_back(media::resize(image, tile, tile, resample));
  for (int row = 0; row < result.rows; ++row) {
    for (int column = 0; column < result.columns; ++column) {
      result.tiles.push_back(media::crop(whole_picture, column * tile, row * tile, tile, tile));
    }
  }
  const int side = tile / patch_size;
  result.content = content_patches(picture, {result.rows * side, result.columns * side});
  return result;
}

Size content_patches(const Size& picture, const Size& grid) {
  const double aspect = static_cast<double>(picture.width) / picture.height;
  if (aspect > static_cast<double>(grid.width) / grid.height) {
    const int height = whole(picture.height * (static_cast<double>(grid.width) / picture.width));
    return {grid.height - (grid.height - height) / 2 * 2, grid.width};
  }
  const int width = whole(picture.width * (static_cast<double>(grid.height) / picture.height));
  return {grid.height, grid.width - (grid.width - width) / 2 * 2};
}

std::vector<std::int32_t> content_rows(const media::PatchGrid& grid, std::int64_t tile_rows,
                                       std::int64_t skipped) {
  const int top = (grid.tile_rows * grid.h - grid.content_h) / 2;
  const int left = (grid.tile_columns * grid.w - grid.content_w) / 2;
  std::vector<std::int32_t> rows;
  rows.reserve(static_cast<std::size_t>(grid.content_h) * grid.content_w);
  for (int y = top; y < top + grid.content_h; ++y) {
    for (int x = left; x < left + grid.content_w; ++x) {
      const std::int64_t tile = 1 + y / grid.h * grid.tile_columns + x / grid.w;
      rows.push_back(static_cast<std::int32_t>(tile * tile_rows + skipped +
                                               y % grid.h * std::int64_t{grid.w} + x % grid.w));
    }
  }
  return rows;
}

media::Size closest_arrangement(const media::Size& picture, const media::Size& tile, int min_tiles,
                                int max_tiles) {
  std::vector<media::Size> all;
  for (int columns = 1; columns <= max_tiles; ++columns) {
    for (int rows = 1; columns * rows <= max_tiles; ++rows) {
      if (columns * rows >= min_tiles) all.push_back({rows, columns});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const media::Size& a, const media::Size& b) {
    return a.width * a.height < b.width * b.height;
  });
  const double aspect = static_cast<double>(picture.width) / picture.height;
  const double area = static_cast<double>(picture.width) * picture.height;
  const double tile_area = static_cast<double>(tile.width) * tile.height;
  double best_difference = std::numeric_limits<double>::infinity();
  media::Size best{1, 1};
  for (const media::Size& candidate : all) {
    const double difference =
        std::abs(aspect - static_cast<double>(candidate.width) / candidate.height);
    if (difference < best_difference ||
        (difference == best_difference &&
         area > 0.5 * tile_area * candidate.width * candidate.height)) {
      best_difference = difference;
      best = candidate;
    }
  }
  return best;
}

std::vector<media::Image> cut_evenly(const media::Image& image, const media::Size& arrangement) {
  const int width = image.width / arrangement.width;
  const int height = image.height / arrangement.height;
  std::vector<media::Image> tiles;
  for (int row = 0; row < arrangement.height; ++row) {
    for (int column = 0; column < arrangement.width; ++column) {
      tiles.push_back(media::crop(image, column * width, row * height, width, height));
    }
  }
  return tiles;
}

}  // namespace saccade::models
