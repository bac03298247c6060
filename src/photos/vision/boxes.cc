#include "photos/vision/boxes.h"

#include <opencv2/imgproc.hpp>

namespace saccade::photos {

cv::Mat shrunk_to(const cv::Mat& picture, int longer) {
  const double scale = static_cast<double>(longer) / std::max(picture.rows, picture.cols);
  if (scale >= 1.0) return picture;
  const cv::Size size(std::max(1, cvRound(picture.cols * scale)),
                      std::max(1, cvRound(picture.rows * scale)));
  cv::Mat small;
  cv::resize(picture, small, size, 0, 0, cv::INTER_AREA);
  return small;
}

}  // namespace saccade::photos
