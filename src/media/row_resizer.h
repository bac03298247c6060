// Resizing of a picture whose rows come one after the other, as a decoder makes them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "media/filter_axis.h"
#include "media/image.h"
#include "media/weighted_sum.h"

namespace saccade::media {

/// Does what resize() does without ever holding the whole of the larger picture: a row is filtered
/// along its length while it is in the cache, and given up once the rows of the result that it is
/// part of are made.
class RowResizer {
 public:
  /// From width x height to new_width x new_height pixels. Throws Error unless all are positive.
  RowResizer(int width, int height, int new_width, int new_height, Resample resample);

  /// Where the next row [width, 3] is to be written before the next call. Called once a row.
  std::uint8_t* next_row();
  /// The result, when all rows are written. Called once.
  Image finish();

 private:
  void filter_block();
  void filter_width();
  void make_rows();
  void make_row(const FilterAxis::Window& window, std::uint8_t* out);
  void drop_rows();

  int width_;
  int height_;
  // As in Pillow, an axis that keeps its size is not filtered.
  std::optional<FilterAxis> horizontal_;
  std::optional<FilterAxis> vertical_;
  WeightedSum weighted_sum_;
  Image result_;

  std::size_t row_bytes_;                  // of block_, whole blocks of kLanes
  std::vector<std::uint8_t> block_;        // [kLanes, row_bytes_]: rows as they come
  int block_rows_ = 0;                     // rows in it
  std::vector<std::uint8_t> columns_;      // [row_bytes_, kLanes]: the block turned around
  std::vector<std::uint8_t> new_columns_;  // [band_bytes_, kLanes]

  std::size_t band_bytes_;          // of a row of band_, whole steps of the kernel
  std::vector<std::uint8_t> band_;  // [band_capacity_, band_bytes_]: rows filtered along the width
  int band_capacity_ = 0;
  int band_first_ = 0;  // index of the first row in it
  int rows_done_ = 0;   // index after the last one
  int made_ = 0;        // rows of the result
};

}  // namespace saccade::media
