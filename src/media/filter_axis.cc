#include "media/filter_axis.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "media/weighted_sum.h"

namespace saccade::media {
namespace {

constexpr double kSharpness = -0.5;  // Keys' a

double triangle(double x) {
  return std::max(0.0, 1.0 - std::abs(x));
}

/// Keys' cubic convolution kernel with a = -1/2.
double bicubic(double x) {
  x = std::abs(x);
  if (x < 1.0) return ((kSharpness + 2.0) * x - (kSharpness + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * kSharpness;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

/// Sinc windowed by the middle of a wider sinc.
double lanczos(double x) {
  return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

struct Filter {
  double (*weight)(double);
  double support;  // reach to either side
};

Filter filter_of(Resample resample) {
  switch (resample) {
    case Resample::kLanczos:
      return {lanczos, 3.0};
    case Resample::kBilinear:
      return {triangle, 1.0};
    case Resample::kBicubic:
      return {bicubic, 2.0};
  }
  return {bicubic, 2.0};
}

}  // namespace

FilterAxis::FilterAxis(int in_size, int out_size, Resample resample) {
  const Filter filter = filter_of(resample);
  const double scale = static_cast<double>(in_size) / out_size;
  // Shrinking widens the kernel over all the pixels that fall into one: that is the antialiasing.
  const double stretch = std::max(scale, 1.0);
  const double support = filter.support * stretch;
  const double inverse = 1.0 / stretch;
  windows.resize(out_size);
  std::vector<double> exact;
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * scale;
    const double low = center - support + 0.5;
    const double high = center + support + 0.5;
    const int first = std::max(static_cast<int>(low), 0);
    const int last = std::min(static_cast<int>(high), in_size);
    exact.clear();
    double total = 0.0;
    for (int k = first; k < last; ++k) {
      exact.push_back(filter.weight((k - center + 0.5) * inverse));
      total += exact.back();
    }
    windows[i] = {first, last - first, weights.size()};
    for (double weight : exact) {
      if (total != 0.0) weight /= total;
      const double scaled = weight * (1 << kWeightBits);
      weights.push_back(static_cast<std::int32_t>(weight < 0 ? -0.5 + scaled : 0.5 + scaled));
    }
  }
}

int FilterAxis::max_taps() const {
  int most = 0;
  for (const Window& window : windows) most = std::max(most, window.taps);
  return most;
}

}  // namespace saccade::media
