// Lines of text in a picture.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "photos/vision/pool.h"
#include "photos/vision/vision.h"

namespace tesseract {
class TessBaseAPI;
}

namespace saccade::photos {

/// Tesseract, English. It is shown only the rectangles that find_text_candidates() names, each as
/// one line: a whole photograph takes it seconds and gives mostly noise.
class TextReader {
 public:
  /// Throws Error when Tesseract's English is not installed.
  TextReader();
  ~TextReader();

  /// Top to bottom. `gray` is [height, width], 8 bits. Several threads may call at once.
  std::vector<Region> read(const cv::Mat& gray) const;

 private:
  mutable Pool<tesseract::TessBaseAPI> readers_;
};

/// "5.3.0"
std::string tesseract_version();

}  // namespace saccade::photos
