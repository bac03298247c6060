// Reading a picture at the resolution that suits it: as tiles of the tower's size, with an overview
// of the whole before them ("AnyRes" of LLaVA-NeXT, Liu et al., 2024).
#pragma once

#include <cstdint>
#include <vector>

#include "base/json.h"
#include "media/image.h"
#include "media/patches.h"

namespace saccade::models {

/// image_grid_pinpoints: [[height, width], ...]; `otherwise` where there are none. Throws Error
/// unless each is made of whole tiles.
std::vector<media::Size> read_resolutions(const JsonObject& config, int tile,
                                          const std::vector<media::Size>& otherwise);

/// The resolution that keeps most of the picture's pixels and, of equal ones, wastes least.
media::Size best_resolution(const media::Size& picture,
                            const std::vector<media::Size>& resolutions);

/// The arrangement of tiles, in rows and columns, whose aspect is closest to the picture's. Of
/// equally close ones, those with more tiles win as long as they have less than twice the picture's
/// pixels. (As InternVL and its followers choose it.)
media::Size closest_arrangement(const media::Size& picture, const media::Size& tile, int min_tiles,
                                int max_tiles);

/// A picture cut into that many rows and columns of equal tiles, in reading order.
std::vector<media::Image> cut_evenly(const media::Image& image, const media::Size& arrangement);

/// A picture in tiles, the overview first, and which of the patches of the others hold any of it.
struct AnyresTiles {
  std::vector<media::Image> tiles;
  int rows = 1;
  int columns = 1;
  media::Size content;  ///< in patches
};

/// Scales the picture into the middle of `resolution`, black around it, and cuts that into tiles.
AnyresTiles cut_tiles(const media::Image& image, const media::Size& resolution, int tile,
                      int patch_size, media::Resample resample);

/// Of a grid of that many patches, those that a picture scaled into its middle covers, counted as
/// LLaVA's unpad_image counts them: the grid is cut evenly on two sides.
media::Size content_patches(const media::Size& picture, const media::Size& grid);

/// Rows of the tower's output for the content of all tiles but the overview, in reading order:
/// [content_h * content_w]. The tower gives `tile_rows` rows a tile, the first `skipped` of which
/// are no patches.
std::vector<std::int32_t> content_rows(const media::PatchGrid& grid, std::int64_t tile_rows,
                                       std::int64_t skipped);

}  // namespace saccade::models
