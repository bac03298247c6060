// Barcodes in a picture.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "photos/vision/vision.h"

namespace saccade::photos {

/// What ZXing reads in `gray` ([height, width], 8 bits, rows without gaps), top to bottom. Kinds of
/// code without a checksum worth the name are not looked for: they are found in fences and shelves.
std::vector<Region> read_barcodes(const cv::Mat& gray);

}  // namespace saccade::photos
