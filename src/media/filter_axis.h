// Which samples of a row or column a resized one is made of, and with what weights.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "media/image.h"

namespace saccade::media {

/// One axis of a resized picture.
struct FilterAxis {
  /// The source samples [first, first + taps) of one sample of the result.
  struct Window {
    int first = 0;
    int taps = 0;
    std::size_t weights = 0;  ///< index of the first
  };
  std::vector<Window> windows;        ///< [size of the result]
  std::vector<std::int32_t> weights;  ///< with kWeightBits binary digits behind the point

  /// Worked out in double precision and rounded, as Pillow does it.
  FilterAxis(int in_size, int out_size, Resample resample);

  std::span<const std::int32_t> weights_of(const Window& window) const {
    return {&weights[window.weights], static_cast<std::size_t>(window.taps)};
  }
  int max_taps() const;
};

}  // namespace saccade::media
