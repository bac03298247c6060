// Rectangles in pixels and boxes in parts of a picture.
#pragma once

#include <algorithm>
#include <opencv2/core.hpp>

#include "photos/vision/vision.h"

namespace saccade::photos {

/// `pixels` of a picture of `size` as fractions of it, cut off at its edges.
inline Box box_of(const cv::Rect& pixels, const cv::Size& size) {
  const cv::Rect inside = pixels & cv::Rect({}, size);
  return {static_cast<double>(inside.x) / size.width, static_cast<double>(inside.y) / size.height,
          static_cast<double>(inside.width) / size.width,
          static_cast<double>(inside.height) / size.height};
}

/// How much of the smaller rectangle lies in the other, 0 to 1.
inline double overlap_of(const cv::Rect& a, const cv::Rect& b) {
  const int smaller = std::min(a.area(), b.area());
  return smaller == 0 ? 0.0 : static_cast<double>((a & b).area()) / smaller;
}

/// `picture` with its longer side `longer` pixels, if that is smaller than it is.
cv::Mat shrunk_to(const cv::Mat& picture, int longer);

}  // namespace saccade::photos
