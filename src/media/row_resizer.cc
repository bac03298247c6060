#include "media/row_resizer.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace saccade::media {
namespace {

constexpr std::size_t kChannels = 3;

// Blocks that the band holds besides the rows that one row of the result needs, so that moving
// those to its beginning stays a small part of the work.
constexpr int kSpareBlocks = 4;

std::size_t round_up(std::size_t bytes, std::size_t step) {
  return (bytes + step - 1) / step * step;
}

}  // namespace

RowResizer::RowResizer(int width, int height, int new_width, int new_height, Resample resample)
    : width_(width), height_(height), weighted_sum_(media::weighted_sum()) {
  if (width < 1 || height < 1 || new_width < 1 || new_height < 1) {
    fail("cannot resize a picture of {} x {} pixels to {} x {}", width, height, new_width,
         new_height);
  }
  if (new_width != width) horizontal_.emplace(width, new_width, resample);
  if (new_height != height) vertical_.emplace(height, new_height, resample);
  result_ = {new_width, new_height, {}};
  result_.pixels.resize(kChannels * new_width * new_height);
  row_bytes_ = round_up(kChannels * width, kLanes);
  block_.resize(kLanes * row_bytes_);
  band_bytes_ = round_up(kChannels * new_width, kStep);
  if (horizontal_) {
    columns_.resize(kLanes * row_bytes_);
    new_columns_.resize(kLanes * band_bytes_);
  }
  band_capacity_ = (vertical_ ? vertical_->max_taps() : 0) + kSpareBlocks * kLanes;
  band_.resize(band_capacity_ * band_bytes_);
}

std::uint8_t* RowResizer::next_row() {
  if (block_rows_ == kLanes) filter_block();
  return &block_[row_bytes_ * block_rows_++];
}

Image RowResizer::finish() {
  if (block_rows_ > 0) filter_block();
  return std::move(result_);
}

void RowResizer::filter_block() {
  if (rows_done_ + kLanes - band_first_ > band_capacity_) drop_rows();
  if (horizontal_) {
    filter_width();
  } else {
    for (int y = 0; y < block_rows_; ++y) {
      std::memcpy(&band_[band_bytes_ * (rows_done_ - band_first_ + y)], &block_[row_bytes_ * y],
                  kChannels * width_);
    }
  }
  rows_done_ += block_rows_;
  block_rows_ = 0;
  make_rows();
}

/// Sixteen rows become columns, so that what is summed side by side lies side by side. Rows that a
/// last block lacks are filtered like the others, and nobody reads what comes of them.
void RowResizer::filter_width() {
  for (std::size_t x = 0; x < row_bytes_; x += kLanes) {
    transpose_block(&block_[x], static_cast<std::ptrdiff_t>(row_bytes_), &columns_[x * kLanes],
                    kLanes);
  }
  std::uint8_t* out = new_columns_.data();
  for (const FilterAxis::Window& window : horizontal_->windows) {
    weighted_sum_(&columns_[static_cast<std::size_t>(kStep) * window.first], kStep,
                  horizontal_->weights_of(window), out);
    out += kStep;
  }
  std::uint8_t* rows = &band_[band_bytes_ * (rows_done_ - band_first_)];
  for (std::size_t x = 0; x < band_bytes_; x += kLanes) {
    transpose_block(&new_columns_[x * kLanes], kLanes, rows + x,
                    static_cast<std::ptrdiff_t>(band_bytes_));
  }
}

/// Makes the rows of the result for which all rows of the band have come.
void RowResizer::make_rows() {
  const std::size_t bytes = kChannels * result_.width;
  for (; made_ < result_.height; ++made_) {
    const FilterAxis::Window window =
        vertical_ ? vertical_->windows[made_] : FilterAxis::Window{made_, 1, 0};
    if (window.first + window.taps > rows_done_) return;
    make_row(window, &result_.pixels[bytes * made_]);
  }
}

void RowResizer::make_row(const FilterAxis::Window& window, std::uint8_t* out) {
  const std::size_t bytes = kChannels * result_.width;
  const std::uint8_t* rows = &band_[band_bytes_ * (window.first - band_first_)];
  if (!vertical_) {
    std::memcpy(out, rows, bytes);
    return;
  }
  const auto stride = static_cast<std::ptrdiff_t>(band_bytes_);
  const auto weights = vertical_->weights_of(window);
  std::size_t x = 0;
  for (; x + kStep <= bytes; x += kStep) weighted_sum_(rows + x, stride, weights, out + x);
  if (x < bytes) {
    std::uint8_t last[kStep];
    weighted_sum_(rows + x, stride, weights, last);
    std::memcpy(out + x, last, bytes - x);
  }
}

/// Moves what rows of the result still need to the beginning of the band.
void RowResizer::drop_rows() {
  int first = rows_done_;
  if (made_ < result_.height) {
    first = std::min(first, vertical_ ? vertical_->windows[made_].first : made_);
  }
  std::memmove(band_.data(), &band_[band_bytes_ * (first - band_first_)],
               band_bytes_ * (rows_done_ - first));
  band_first_ = first;
}

}  // namespace saccade::media
