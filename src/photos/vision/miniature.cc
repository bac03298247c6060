#include "photos/vision/miniature.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace saccade::photos {
namespace {

constexpr int kSide = kMiniatureSide;
constexpr int kChannels = 3;
constexpr std::size_t kBytes = std::size_t{kSide} * kSide * kChannels;
// What a picture that is laid over another may lose at each side.
constexpr int kMargin = 3;
constexpr int kInner = kSide - 2 * kMargin;
constexpr int kPart = 4;

using Lab = std::array<float, kChannels>;

using Pixels = std::array<Lab, std::size_t{kSide} * kSide>;

/// L* 0 to 100, a* and b* around 0.
Pixels pixels_of(const Miniature& picture) {
  Pixels pixels;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::uint8_t* bytes = picture.data() + kChannels * i;
    pixels[i] = {static_cast<float>(bytes[0]) * (100.0F / 255.0F),
                 static_cast<float>(bytes[1]) - 128.0F, static_cast<float>(bytes[2]) - 128.0F};
  }
  return pixels;
}

/// How one picture is laid over another: first larger by `zoom` around the middle, then moved,
/// in pixels of the miniature.
struct Placing {
  static constexpr double kMostZoom = 0.08, kMostShift = 2.0;
  double zoom = 1.0, x = 0.0, y = 0.0;
};

/// Where a column (or row) lies in the other picture: between two neighbours there.
struct Between {
  int first;
  float part;  // of the second
};

Between between(int at, double zoom, double shift) {
  constexpr double kMiddle = (kSide - 1) / 2.0;
  const double place = std::clamp((at - kMiddle) * zoom + kMiddle + shift, 0.0, kSide - 1.0);
  const int first = std::min(static_cast<int>(place), kSide - 2);
  return {first, static_cast<float>(place - first)};
}

/// The differences of the inner pixels with one picture laid over the other.
class Comparison {
 public:
  Comparison(const Miniature& a, const Miniature& b) : a_(pixels_of(a)), b_(pixels_of(b)) {}

  double mean_difference(const Placing& placing) {
    std::array<Lab, std::size_t{kInner} * kInner> differences;
    std::array<Between, kInner> columns;
    for (int x = 0; x < kInner; ++x) columns[x] = between(x + kMargin, placing.zoom, placing.x);
    float lighter = 0.0F;
    for (int y = 0; y < kInner; ++y) {
      const Between row = between(y + kMargin, placing.zoom, placing.y);
      for (int x = 0; x < kInner; ++x) {
        const Between& column = columns[x];
        const Lab& one = a_[(y + kMargin) * kSide + x + kMargin];
        const Lab* top = &b_[row.first * kSide + column.first];
        const Lab* bottom = top + kSide;
        Lab& difference = differences[y * kInner + x];
        for (int c = 0; c < kChannels; ++c) {
          const float above = top[0][c] + column.part * (top[1][c] - top[0][c]);
          const float below = bottom[0][c] + column.part * (bottom[1][c] - bottom[0][c]);
          difference[c] = one[c] - (above + row.part * (below - above));
        }
        lighter += difference[0];
      }
    }
    // Another exposure of the same is lighter or darker all over.
    constexpr float kMostLighter = 12.0F;
    lighter = std::clamp(lighter / (kInner * kInner), -kMostLighter, kMostLighter);
    double sum = 0.0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      const Lab& d = differences[i];
      distance_[i] = std::sqrt((d[0] - lighter) * (d[0] - lighter) + d[1] * d[1] + d[2] * d[2]);
      sum += static_cast<double>(distance_[i]);
    }
    return sum / static_cast<double>(differences.size());
  }

  /// Of the placing that was asked for last, the mean of the square that differs most.
  double worst_part() const {
    double worst = 0.0;
    for (int top = 0; top + kPart <= kInner; ++top) {
      for (int left = 0; left + kPart <= kInner; ++left) {
        double sum = 0.0;
        for (int y = top; y < top + kPart; ++y) {
          for (int x = left; x < left + kPart; ++x) {
            sum += static_cast<double>(distance_[y * kInner + x]);
          }
        }
        worst = std::max(worst, sum / (kPart * kPart));
      }
    }
    return worst;
  }

 private:
  const Pixels a_;
  const Pixels b_;
  std::array<float, std::size_t{kInner} * kInner> distance_{};  // CIE76's delta E
};

/// Where the pictures differ least on the whole: the pattern search of Hooke and Jeeves, "Direct
/// Search Solution of Numerical and Statistical Problems" (1961).
Placing best_placing(Comparison& comparison) {
  Placing best;
  double least = comparison.mean_difference(best);
  for (const double step : {1.0, 0.5, 0.25}) {
    constexpr double kZoomStep = 0.03;  // moves the edges by half a pixel
    bool better = true;
    while (better) {
      better = false;
      for (const auto& [zoom, x, y] : {Placing{kZoomStep * step, 0.0, 0.0},
                                       {-kZoomStep * step, 0.0, 0.0},
                                       {0.0, step, 0.0},
                                       {0.0, -step, 0.0},
                                       {0.0, 0.0, step},
                                       {0.0, 0.0, -step}}) {
        const Placing next{best.zoom + zoom, best.x + x, best.y + y};
        if (std::abs(next.zoom - 1.0) > Placing::kMostZoom ||
            std::max(std::abs(next.x), std::abs(next.y)) > Placing::kMostShift) {
          continue;
        }
        const double difference = comparison.mean_difference(next);
        if (difference >= least) continue;
        least = difference;
        best = next;
        better = true;
      }
    }
  }
  return best;
}

}  // namespace

Miniature miniature_of(const cv::Mat& rgb) {
  cv::Mat small;
  cv::resize(rgb, small, {kSide, kSide}, 0, 0, cv::INTER_AREA);
  cv::cvtColor(small, small, cv::COLOR_RGB2Lab);
  Miniature miniature(kBytes);
  for (int y = 0; y < kSide; ++y) {
    std::copy_n(small.ptr<std::uint8_t>(y), kSide * kChannels,
                miniature.begin() + y * kSide * kChannels);
  }
  return miniature;
}

std::optional<double> largest_difference(const Miniature& a, const Miniature& b) {
  if (a.size() != kBytes || b.size() != kBytes) return std::nullopt;
  Comparison comparison(a, b);
  comparison.mean_difference(best_placing(comparison));
  return comparison.worst_part();
}

}  // namespace saccade::photos
