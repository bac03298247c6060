// Square windows that step over maps of features.
#pragma once

#include <cstdint>

namespace saccade::compute {

/// Windows of kernel x kernel places over maps of height x width. A map is a matrix [height *
/// width, channels]: its places row by row, the channels of a place side by side; maps stand below
/// each other. Places outside of a map count as zeros.
struct ConvShape {
  std::int64_t maps = 1;
  std::int64_t height = 0;
  std::int64_t width = 0;
  int kernel = 1;
  int stride = 1;
  int padding = 0;  ///< places outside on each side; less than kernel

  std::int64_t out_height() const { return windows(height); }
  std::int64_t out_width() const { return windows(width); }
  /// Places of all maps, and windows on them.
  std::int64_t places() const { return maps * height * width; }
  std::int64_t out_places() const { return maps * out_height() * out_width(); }

 private:
  std::int64_t windows(std::int64_t size) const {
    const std::int64_t room = size + 2 * padding - kernel;
    return room < 0 ? 0 : room / stride + 1;
  }
};

}  // namespace saccade::compute
