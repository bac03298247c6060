// Faces in a picture: where they are, never whose.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "photos/vision/pool.h"
#include "photos/vision/vision.h"

namespace saccade::photos {

/// Cascades of Haar features (Viola and Jones, "Rapid object detection using a boosted cascade of
/// simple features", 2001), as opencv-data has them trained: one for faces from the front, one for
/// profiles, each also shown the mirrored picture. A face is kept when enough neighbouring windows
/// of all four agree on it; its confidence grows with their number.
class FaceFinder {
 public:
  /// Throws Error when the cascades are not installed.
  FaceFinder();
  ~FaceFinder();

  /// Largest first. `gray` is [height, width], 8 bits. Several threads may call at once.
  std::vector<Region> find(const cv::Mat& gray) const;

 private:
  struct Cascades;
  mutable Pool<Cascades> cascades_;  // a cascade keeps what it is looking at
};

}  // namespace saccade::photos
