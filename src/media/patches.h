// Pictures to the patches that vision towers take, as transformers makes them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "media/picture.h"

namespace saccade::media {

struct PatchGrid {
  int t = 0;  // in patches, before merging
  int h = 0;
  int w = 0;
  /// A picture may be read as several tiles of this grid each, one after the other; it is one
  /// picture all the same. `tiles` counts all of them, an overview of the whole picture included.
  int tiles = 1;
  int tile_rows = 1;     ///< of the part that was cut, overview not counted
  int tile_columns = 1;  ///< likewise
  /// Of the cut part in patches, without those in which nothing but padding is; 0: all of it.
  int content_h = 0;
  int content_w = 0;

  bool operator==(const PatchGrid&) const = default;
};

/// How 8-bit pixels become the numbers a tower reads.
struct PixelScale {
  std::array<float, 3> mean = {0.48145466f, 0.4578275f, 0.40821073f};
  std::array<float, 3> std = {0.26862954f, 0.26130258f, 0.27577711f};
  double rescale_factor = 1.0 / 255.0;
  bool do_rescale = true;
  bool do_normalize = true;

  bool operator==(const PixelScale&) const = default;
};

/// The preprocessing of Qwen2-VL's image processor; the defaults are its own.
struct PatchParams {
  int patch_size = 14;
  int merge_size = 2;
  int temporal_patch_size = 2;
  std::int64_t min_pixels = 3'136;      // 56 x 56
  std::int64_t max_pixels = 1'003'520;  // 28 x 28 x 1280
  PixelScale scale;
  bool do_resize = true;

  bool operator==(const PatchParams&) const = default;
};

struct Size {
  int height = 0;
  int width = 0;

  bool operator==(const Size&) const = default;
};

struct Patches {
  /// [tiles * t * h * w, 3 * temporal_patch_size * patch_size * patch_size]; rows in the order
  /// (tile, t, h / merge, w / merge, merge, merge), columns in the order (channel, time, y, x).
  std::vector<float> values;
  PatchGrid grid;
  /// In patches, where tiles differ in size; `grid` then has that of the last. Empty: all have the
  /// grid's.
  std::vector<Size> tile_grids;
  int resized_width = 0;
  int resized_height = 0;
  /// Names the resized pixels, their size and every parameter: equal digests, equal values.
  Digest digest;

  /// The size of every tile, in patches.
  std::vector<Size> tile_sizes() const {
    return tile_grids.empty() ? std::vector<Size>(grid.tiles, {grid.h, grid.w}) : tile_grids;
  }
  /// Rows of `values`.
  std::int64_t count() const;
};

/// The size to which a picture is scaled: both sides multiples of `factor`, the area in
/// [min_pixels, max_pixels] as far as that goes, the aspect kept. Rounds as transformers does,
/// which is half to even. Throws Error when a side is below 1 or one is over 200 times the other.
Size smart_resize(int height, int width, int factor, std::int64_t min_pixels,
                  std::int64_t max_pixels);

/// Resizes, rescales to float32, normalizes and cuts. A still picture fills all of its
/// temporal_patch_size time steps. Throws Error when smart_resize does, or when do_resize is off
/// and the picture is not made of whole merged patches.
Patches image_to_patches(const Picture& picture, const PatchParams& params);

/// Cuts the tiles of one picture, all of one size and made of whole patches, into patches of
/// patch_size in reading order. `tile_rows`, `tile_columns` and `content` (in patches) are noted in
/// the grid. Throws Error when the tiles do not fit.
Patches tiles_to_patches(std::span<const Image> tiles, int tile_rows, int tile_columns,
                         int patch_size, const PixelScale& scale, Size content = {});

/// Cuts parts of one picture, of any sizes, into patches of patch_size in reading order. Pixels
/// that are left over at the right and below are in no patch. Throws Error for a part smaller than
/// a patch.
Patches parts_to_patches(std::span<const Image> parts, int patch_size, const PixelScale& scale);

/// Reads a preprocessor_config.json as published with Qwen2-VL and Qwen2.5-VL and as transformers
/// writes it. Throws Error that names the key when a value is missing, out of range, or asks for
/// processing that is not done here.
PatchParams patch_params_from_json(const JsonObject& config);

}  // namespace saccade::media
