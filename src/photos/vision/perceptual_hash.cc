#include "photos/vision/perceptual_hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <opencv2/imgproc.hpp>

#include "photos/vision/vision.h"

namespace saccade::photos {

std::uint64_t perceptual_hash(const cv::Mat& gray) {
  constexpr int kSide = 32;
  cv::Mat small;
  cv::resize(gray, small, {kSide, kSide}, 0, 0, cv::INTER_AREA);
  small.convertTo(small, CV_32F);
  cv::Mat frequencies;
  cv::dct(small, frequencies);
  std::array<float, 64> lowest;
  for (int i = 0; i < 64; ++i) lowest[i] = frequencies.at<float>(1 + i / 8, 1 + i % 8);
  std::array<float, 64> sorted = lowest;
  std::ranges::sort(sorted);
  const float median = (sorted[31] + sorted[32]) / 2;
  std::uint64_t hash = 0;
  for (int i = 0; i < 64; ++i) hash |= std::uint64_t{lowest[i] > median} << i;
  return hash;
}

int hash_distance(std::uint64_t a, std::uint64_t b) {
  return std::popcount(a ^ b);
}

}  // namespace saccade::photos
