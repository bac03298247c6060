#include "photos/vision/colours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "photos/vision/boxes.h"

namespace saccade::photos {
namespace {

constexpr int kLookedAt = 96;  // pixels of the longer side
constexpr double kLeastShare = 0.03;
constexpr std::size_t kMostColours = 5;

constexpr std::array<std::string_view, 11> kNames = {"black",  "white",  "gray",   "red",
                                                     "orange", "brown",  "yellow", "green",
                                                     "blue",   "purple", "pink"};

}  // namespace

std::string_view colour_name(double lightness, double a, double b) {
  const double chroma = std::hypot(a, b);
  if (lightness < 10 || (lightness < 22 && chroma < 14)) return "black";
  // What is light looks white with more of a tint than a gray can have.
  if (lightness > 90 && chroma < 12) return "white";
  if (chroma < 11) return lightness > 88 ? "white" : "gray";
  double hue = std::atan2(b, a) * 180.0 / std::numbers::pi;  // 0: towards red, 90: yellow
  if (hue < 0) hue += 360;
  if (hue < 20 || hue >= 335) {
    if (lightness > 52) return "pink";
    return hue < 20 || hue > 350 ? "red" : "purple";
  }
  if (hue < 45) {
    if (lightness > 66) return chroma > 60 ? "orange" : "pink";
    return chroma < 30 ? "brown" : "red";
  }
  if (hue < 77) return lightness > 50 && chroma > 50 ? "orange" : "brown";
  if (hue < 110) {
    if (lightness > 65 && chroma > 30) return "yellow";
    return hue < 95 ? "brown" : "green";
  }
  if (hue < 195) return "green";
  if (hue < 307) return "blue";
  return lightness > 65 && hue > 320 ? "pink" : "purple";
}

std::vector<Colour> dominant_colours(const cv::Mat& rgb) {
  const cv::Mat small = shrunk_to(rgb, kLookedAt);
  cv::Mat lab;
  small.convertTo(lab, CV_32F, 1.0 / 255.0);
  cv::cvtColor(lab, lab, cv::COLOR_RGB2Lab);
  struct Sum {
    std::array<std::int64_t, 3> rgb{};
    std::int64_t pixels = 0;
  };
  std::array<Sum, kNames.size()> sums;
  for (int y = 0; y < small.rows; ++y) {
    for (int x = 0; x < small.cols; ++x) {
      const cv::Vec3f& place = lab.at<cv::Vec3f>(y, x);
      const auto name = std::ranges::find(kNames, colour_name(place[0], place[1], place[2]));
      Sum& sum = sums[name - kNames.begin()];
      for (int c = 0; c < 3; ++c) sum.rgb[c] += small.at<cv::Vec3b>(y, x)[c];
      ++sum.pixels;
    }
  }
  std::vector<Colour> colours;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const auto& [total, pixels] = sums[i];
    const double share = static_cast<double>(pixels) / static_cast<double>(small.total());
    if (share < kLeastShare) continue;
    const auto mean = [&](int c) {
      return static_cast<std::uint8_t>((total[c] + pixels / 2) / pixels);
    };
    colours.push_back({mean(0), mean(1), mean(2), std::string(kNames[i]), share});
  }
  std::ranges::stable_sort(colours, std::ranges::greater(), &Colour::share);
  if (colours.size() > kMostColours) colours.resize(kMostColours);
  return colours;
}

}  // namespace saccade::photos
