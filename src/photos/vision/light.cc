#include "photos/vision/light.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>

namespace saccade::photos {

double sharpness_of(const cv::Mat& gray) {
  cv::Mat edges;
  cv::Laplacian(gray, edges, CV_16S);
  cv::Scalar mean, deviation;
  cv::meanStdDev(edges, mean, deviation);
  return std::log10(std::max(1.0, deviation[0] * deviation[0]));
}

Exposure exposure_of(const cv::Mat& gray) {
  std::array<std::int64_t, 256> counts{};
  for (int y = 0; y < gray.rows; ++y) {
    const auto* row = gray.ptr<std::uint8_t>(y);
    for (int x = 0; x < gray.cols; ++x) ++counts[row[x]];
  }
  constexpr int kMargin = 2;
  Exposure exposure;
  std::int64_t sum = 0, dark = 0, light = 0;
  for (int level = 0; level < 256; ++level) {
    sum += level * counts[level];
    if (level <= kMargin) dark += counts[level];
    if (level >= 255 - kMargin) light += counts[level];
  }
  const double pixels = static_cast<double>(gray.total());
  exposure.brightness = static_cast<double>(sum) / (255.0 * pixels);
  exposure.clipped_dark = static_cast<double>(dark) / pixels;
  exposure.clipped_light = static_cast<double>(light) / pixels;
  return exposure;
}

}  // namespace saccade::photos
