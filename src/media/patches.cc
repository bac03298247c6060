#include "media/patches.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace saccade::media {
namespace {

constexpr int kChannels = 3;
constexpr double kMaxAspect = 200;

/// The nearest multiple of `factor`; a tie goes to the even one, as Python's round() has it.
std::int64_t round_by(double value, int factor) {
  const double quotient = value / factor;
  double rounded = std::floor(quotient);
  const double rest = quotient - rounded;
  if (rest > 0.5 || (rest == 0.5 && std::fmod(rounded, 2.0) != 0)) rounded += 1;
  return static_cast<std::int64_t>(rounded) * factor;
}

std::int64_t floor_by(double value, int factor) {
  return static_cast<std::int64_t>(std::floor(value / factor)) * factor;
}

std::int64_t ceil_by(double value, int factor) {
  return static_cast<std::int64_t>(std::ceil(value / factor)) * factor;
}

using ValueTable = std::array<std::array<float, 256>, kChannels>;

/// The float32 value of each of the 256 byte values, by channel. The steps and their precision are
/// those of transformers' NumPy backend: rescale in float64 and round to float32, then subtract and
/// divide in float32. Its torchvision backend folds both into one; that differs by about 1e-7.
ValueTable value_table(const PixelScale& scale) {
  ValueTable table;
  for (int c = 0; c < kChannels; ++c) {
    for (int byte = 0; byte < 256; ++byte) {
      float value = static_cast<float>(byte);
      if (scale.do_rescale) value = static_cast<float>(byte * scale.rescale_factor);
      if (scale.do_normalize) value = (value - scale.mean[c]) / scale.std[c];
      table[c][byte] = value;
    }
  }
  return table;
}

void add_scale(Digester& digester, const PixelScale& scale) {
  digester.add_number(std::int64_t{scale.do_rescale});
  digester.add_number(std::int64_t{scale.do_normalize});
  digester.add_number(scale.rescale_factor);
  for (int c = 0; c < kChannels; ++c) {
    digester.add_number(static_cast<double>(scale.mean[c]));
    digester.add_number(static_cast<double>(scale.std[c]));
  }
}

Digest digest_of(const Image& resized, const PatchParams& params) {
  Digester digester;
  digester.add(std::span<const std::uint8_t>(resized.pixels));
  for (const std::int64_t number :
       {std::int64_t{resized.width}, std::int64_t{resized.height}, std::int64_t{params.patch_size},
        std::int64_t{params.merge_size}, std::int64_t{params.temporal_patch_size},
        params.min_pixels, params.max_pixels, std::int64_t{params.do_resize}}) {
    digester.add_number(number);
  }
  add_scale(digester, params.scale);
  return digester.finish();
}

/// Writes the patch of `size` pixels whose top left one is (x, y): [channel, time, row, column],
/// the same at each of `times` steps.
float* write_patch(const Image& image, int x, int y, int size, int times, const ValueTable& table,
                   float* out) {
  const std::size_t patch_values = static_cast<std::size_t>(size) * size;
  const std::size_t row_bytes = kChannels * static_cast<std::size_t>(image.width);
  for (int c = 0; c < kChannels; ++c) {
    const float* const frame = out;
    for (int row = 0; row < size; ++row) {
      const std::uint8_t* in = &image.pixels[(y + row) * row_bytes + kChannels * x + c];
      for (int column = 0; column < size; ++column) *out++ = table[c][in[kChannels * column]];
    }
    for (int t = 1; t < times; ++t) {
      out = std::copy_n(frame, patch_values, out);
    }
  }
  return out;
}

/// Writes all whole patches of a tile in reading order.
float* write_tile(const Image& tile, int patch_size, const ValueTable& table, float* out) {
  for (int y = 0; y + patch_size <= tile.height; y += patch_size) {
    for (int x = 0; x + patch_size <= tile.width; x += patch_size) {
      out = write_patch(tile, x, y, patch_size, 1, table, out);
    }
  }
  return out;
}

}  // namespace

std::int64_t Patches::count() const {
  std::int64_t patches = 0;
  for (const Size& tile : tile_sizes()) patches += std::int64_t{grid.t} * tile.height * tile.width;
  return patches;
}

Size smart_resize(int height, int width, int factor, std::int64_t min_pixels,
                  std::int64_t max_pixels) {
  if (height < 1 || width < 1) fail("a picture of {} x {} pixels", width, height);
  const double aspect = static_cast<double>(std::max(height, width)) / std::min(height, width);
  if (aspect > kMaxAspect) {
    fail(
        "a picture of {} x {} pixels is {:.1f} times as long as it is wide; the model takes at "
        "most {:.0f} times: cut it into pieces",
        width, height, aspect, kMaxAspect);
  }
  const double area = static_cast<double>(height) * width;
  std::int64_t new_height = round_by(height, factor);
  std::int64_t new_width = round_by(width, factor);
  if (new_height * new_width > max_pixels) {
    const double shrink = std::sqrt(area / static_cast<double>(max_pixels));
    new_height = std::max<std::int64_t>(factor, floor_by(height / shrink, factor));
    new_width = std::max<std::int64_t>(factor, floor_by(width / shrink, factor));
  } else if (new_height * new_width < min_pixels) {
    const double grow = std::sqrt(static_cast<double>(min_pixels) / area);
    new_height = ceil_by(height * grow, factor);
    new_width = ceil_by(width * grow, factor);
  }
  return {static_cast<int>(new_height), static_cast<int>(new_width)};
}

Patches image_to_patches(const Picture& picture, const PatchParams& params) {
  const int cell = params.patch_size * params.merge_size;
  Patches patches;
  Image resized;
  const Image* source = &resized;
  if (params.do_resize) {
    const Size size =
        smart_resize(picture.height(), picture.width(), cell, params.min_pixels, params.max_pixels);
    resized = picture.resized(size.width, size.height, Resample::kBicubic);
  } else if (picture.width() < 1 || picture.height() < 1 || picture.width() % cell ||
             picture.height() % cell) {
    fail(
        "a picture of {} x {} pixels is not made of whole cells of {} x {} pixels, and do_resize "
        "is off",
        picture.width(), picture.height(), cell, cell);
  } else {
    source = &picture.pixels();
  }
  patches.resized_width = source->width;
  patches.resized_height = source->height;
  patches.grid = {1, source->height / params.patch_size, source->width / params.patch_size};
  patches.digest = digest_of(*source, params);

  const ValueTable table = value_table(params.scale);
  const std::size_t patch_values = static_cast<std::size_t>(kChannels) *
                                   params.temporal_patch_size * params.patch_size *
                                   params.patch_size;
  patches.values.resize(patch_values * patches.grid.h * patches.grid.w);
  float* out = patches.values.data();
  for (int y = 0; y < source->height; y += cell) {
    for (int x = 0; x < source->width; x += cell) {
      for (int inner = 0; inner < params.merge_size * params.merge_size; ++inner) {
        out = write_patch(*source, x + inner % params.merge_size * params.patch_size,
                          y + inner / params.merge_size * params.patch_size, params.patch_size,
                          params.temporal_patch_size, table, out);
      }
    }
  }
  return patches;
}

Patches tiles_to_patches(std::span<const Image> tiles, int tile_rows, int tile_columns,
                         int patch_size, const PixelScale& scale, Size content) {
  if (tiles.empty()) fail("a picture of no tiles");
  const int width = tiles[0].width;
  const int height = tiles[0].height;
  if (patch_size < 1 || width < patch_size || height < patch_size || width % patch_size ||
      height % patch_size) {
    fail("tiles of {} x {} pixels are not made of whole patches of {}", width, height, patch_size);
  }
  Patches patches;
  patches.resized_width = width * tile_columns;
  patches.resized_height = height * tile_rows;
  patches.grid = {
      1,         height / patch_size, width / patch_size, static_cast<int>(tiles.size()),
      tile_rows, tile_columns,        content.height,     content.width};
  const ValueTable table = value_table(scale);
  const std::size_t tile_values = static_cast<std::size_t>(kChannels) * width * height;
  patches.values.resize(tiles.size() * tile_values);
  Digester digester;
  float* out = patches.values.data();
  for (const Image& tile : tiles) {
    if (tile.width != width || tile.height != height) {
      fail("tiles of {} x {} and {} x {} pixels in one picture", width, height, tile.width,
           tile.height);
    }
    digester.add(std::span<const std::uint8_t>(tile.pixels));
    out = write_tile(tile, patch_size, table, out);
  }
  for (const int number : {width, height, patch_size, static_cast<int>(tiles.size()), tile_rows,
                           tile_columns, content.height, content.width}) {
    digester.add_number(std::int64_t{number});
  }
  add_scale(digester, scale);
  patches.digest = digester.finish();
  return patches;
}

Patches parts_to_patches(std::span<const Image> parts, int patch_size, const PixelScale& scale) {
  if (parts.empty() || patch_size < 1) fail("a picture of {} parts", parts.size());
  Patches patches;
  Digester digester;
  for (const Image& part : parts) {
    const Size size{part.height / patch_size, part.width / patch_size};
    if (size.height < 1 || size.width < 1) {
      fail("a part of {} x {} pixels is smaller than a patch of {}", part.width, part.height,
           patch_size);
    }
    patches.tile_grids.push_back(size);
    digester.add(std::span<const std::uint8_t>(part.pixels));
    digester.add_number(std::int64_t{part.width});
    digester.add_number(std::int64_t{part.height});
  }
  digester.add_number(std::int64_t{patch_size});
  digester.add_number(static_cast<std::int64_t>(parts.size()));
  add_scale(digester, scale);
  patches.digest = digester.finish();
  const Size& last = patches.tile_grids.back();
  patches.grid = {1, last.height, last.width, static_cast<int>(parts.size())};
  patches.resized_width = parts.back().width;
  patches.resized_height = parts.back().height;
  const std::int64_t patch_values = std::int64_t{kChannels} * patch_size * patch_size;
  patches.values.resize(patches.count() * patch_values);
  const ValueTable table = value_table(scale);
  float* out = patches.values.data();
  for (const Image& part : parts) out = write_tile(part, patch_size, table, out);
  return patches;
}

}  // namespace saccade::media
