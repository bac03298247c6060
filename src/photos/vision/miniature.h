// A picture small enough to be laid over another one.
#pragma once

#include <opencv2/core.hpp>

#include "photos/vision/vision.h"

namespace saccade::photos {

/// The picture stretched to kMiniatureSide x kMiniatureSide pixels, each the mean of what it
/// covers, in CIE L*a*b* under D65. `rgb` is [height, width, 3], 8 bits.
Miniature miniature_of(const cv::Mat& rgb);

}  // namespace saccade::photos
