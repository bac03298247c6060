// Faces in a picture: where they are, never whose.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "photos/vision/pool.h"
#include "photos/vision/vision.h"

namespace saccade::photos {

/// Cascades as opencv-data has them trained, for faces from the front and for profiles, shown the
/// picture and its mirror image: those of local binary patterns (Liao et al., "Learning multi-scale
/// block local binary patterns for face recognition", 2007) propose places, those of Haar features
/// (Viola and Jones, "Rapid object detection using a boosted cascade of simple features", 2001)
/// confirm them; over whole pictures these would take five times as long. A face is kept when
/// enough neighbouring windows agree on it; its confidence grows with their number.
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
