// Resizing with Pillow's arithmetic.
//
// Each axis is a pass of its own: a weighted sum over the neighbours along that axis, rounded back
// to 8 bits. Weights are worked out in double precision and rounded to 22 binary digits; from there
// on everything is whole numbers, so a faster order of work cannot change the result.
//
// Both passes run the same kernel over 16 bytes side by side. The vertical pass takes them as they
// lie in a row; the horizontal pass turns 16 rows of the picture into columns first, so that its 16
// bytes are one channel of one column of those rows.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "media/image.h"
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

/// The source samples [first, first + taps) and their weights, for one sample of the result.
struct Window {
  int first = 0;
  int taps = 0;
  std::size_t pairs = 0;  // index of the first of (taps + 1) / 2
};

struct Axis {
  std::vector<Window> windows;  // [size of the result]
  std::vector<WeightPair> pairs;
};

WeightPair make_pair(std::int32_t first, std::int32_t second) {
  WeightPair pair;
  const std::int32_t weights[2] = {first, second};
  for (int i = 0; i < 2; ++i) {
    pair.low[i] = static_cast<std::int16_t>(weights[i] & 0x7fff);
    pair.high[i] = static_cast<std::int16_t>(weights[i] >> 15);
  }
  return pair;
}

Axis make_axis(int in_size, int out_size, const Filter& filter) {
  const double scale = static_cast<double>(in_size) / out_size;
  // Shrinking widens the kernel over all the pixels that fall into one: that is the antialiasing.
  const double stretch = std::max(scale, 1.0);
  const double support = filter.support * stretch;
  const double inverse = 1.0 / stretch;
  Axis axis;
  axis.windows.resize(out_size);
  std::vector<double> weights;
  std::vector<std::int32_t> fixed;
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * scale;
    const double low = center - support + 0.5;
    const double high = center + support + 0.5;
    const int first = std::max(static_cast<int>(low), 0);
    const int last = std::min(static_cast<int>(high), in_size);
    weights.clear();
    double total = 0.0;
    for (int k = first; k < last; ++k) {
      weights.push_back(filter.weight((k - center + 0.5) * inverse));
      total += weights.back();
    }
    fixed.clear();
    for (double weight : weights) {
      if (total != 0.0) weight /= total;
      const double scaled = weight * (1 << kWeightBits);
      fixed.push_back(static_cast<std::int32_t>(weight < 0 ? -0.5 + scaled : 0.5 + scaled));
    }
    axis.windows[i] = {first, last - first, axis.pairs.size()};
    if (fixed.size() % 2) fixed.push_back(0);
    for (std::size_t k = 0; k < fixed.size(); k += 2) {
      axis.pairs.push_back(make_pair(fixed[k], fixed[k + 1]));
    }
  }
  return axis;
}

/// How many bytes hold `bytes` bytes in whole kernel steps.
std::size_t padded(std::size_t bytes) {
  return (bytes + kLanes - 1) / kLanes * kLanes;
}

/// Turns `rows` rows of `bytes` bytes at `in` into `bytes` columns of kLanes bytes at `out`.
void to_columns(const std::uint8_t* in, std::size_t bytes, int rows, std::uint8_t* out) {
  std::uint8_t edge[kLanes * kLanes] = {};
  for (std::size_t x = 0; x < bytes; x += kLanes) {
    const std::size_t count = std::min<std::size_t>(kLanes, bytes - x);
    if (rows == kLanes && count == kLanes) {
      transpose_block(in + x, static_cast<std::ptrdiff_t>(bytes), out + x * kLanes, kLanes);
      continue;
    }
    for (int y = 0; y < rows; ++y) std::memcpy(edge + y * kLanes, in + y * bytes + x, count);
    transpose_block(edge, kLanes, out + x * kLanes, kLanes);
  }
}

/// The way back: `bytes` columns of kLanes bytes to `rows` rows.
void to_rows(const std::uint8_t* in, std::size_t bytes, int rows, std::uint8_t* out) {
  std::uint8_t edge[kLanes * kLanes];
  for (std::size_t x = 0; x < bytes; x += kLanes) {
    const std::size_t count = std::min<std::size_t>(kLanes, bytes - x);
    if (rows == kLanes && count == kLanes) {
      transpose_block(in + x * kLanes, kLanes, out + x, static_cast<std::ptrdiff_t>(bytes));
      continue;
    }
    transpose_block(in + x * kLanes, kLanes, edge, kLanes);
    for (int y = 0; y < rows; ++y) std::memcpy(out + y * bytes + x, edge + y * kLanes, count);
  }
}

Image resize_width(const Image& image, int width, const Filter& filter) {
  const Axis axis = make_axis(image.width, width, filter);
  Image result{width, image.height, {}};
  const std::size_t in_bytes = 3 * static_cast<std::size_t>(image.width);
  const std::size_t out_bytes = 3 * static_cast<std::size_t>(width);
  result.pixels.resize(out_bytes * image.height);
  std::vector<std::uint8_t> columns(padded(in_bytes) * kLanes);       // [in_bytes, 16 rows]
  std::vector<std::uint8_t> new_columns(padded(out_bytes) * kLanes);  // [out_bytes, 16 rows]
  for (int y = 0; y < image.height; y += kLanes) {
    const int rows = std::min(kLanes, image.height - y);
    to_columns(&image.pixels[y * in_bytes], in_bytes, rows, columns.data());
    std::uint8_t* out = new_columns.data();
    for (const Window& window : axis.windows) {
      const std::span pairs(&axis.pairs[window.pairs], (window.taps + 1) / 2);
      const std::uint8_t* in = &columns[3 * kLanes * static_cast<std::size_t>(window.first)];
      for (int c = 0; c < 3; ++c, in += kLanes, out += kLanes) {
        weighted_sum(in, 3 * kLanes, pairs, window.taps, out);
      }
    }
    to_rows(new_columns.data(), out_bytes, rows, &result.pixels[y * out_bytes]);
  }
  return result;
}

Image resize_height(const Image& image, int height, const Filter& filter) {
  const Axis axis = make_axis(image.height, height, filter);
  Image result{image.width, height, {}};
  const std::size_t bytes = 3 * static_cast<std::size_t>(image.width);
  result.pixels.resize(bytes * height);
  // What is left of a row when whole steps have been taken goes through columns of its own.
  const std::size_t whole = bytes / kLanes * kLanes;
  const std::size_t rest = bytes - whole;
  std::vector<std::uint8_t> edge(rest ? kLanes * static_cast<std::size_t>(image.height) : 0);
  for (int y = 0; rest && y < image.height; ++y) {
    std::memcpy(&edge[kLanes * static_cast<std::size_t>(y)], &image.pixels[y * bytes + whole],
                rest);
  }
  for (int y = 0; y < height; ++y) {
    const Window& window = axis.windows[y];
    const std::span pairs(&axis.pairs[window.pairs], (window.taps + 1) / 2);
    const std::uint8_t* in = image.pixels.data() + window.first * bytes;
    std::uint8_t* out = result.pixels.data() + y * bytes;
    for (std::size_t x = 0; x < whole; x += kLanes) {
      weighted_sum(in + x, static_cast<std::ptrdiff_t>(bytes), pairs, window.taps, out + x);
    }
    if (rest) {
      std::uint8_t last[kLanes];
      weighted_sum(&edge[kLanes * static_cast<std::size_t>(window.first)], kLanes, pairs,
                   window.taps, last);
      std::memcpy(out + whole, last, rest);
    }
  }
  return result;
}

}  // namespace

Image resize(const Image& image, int width, int height, Resample resample) {
  if (width < 1 || height < 1 || image.width < 1 || image.height < 1) {
    fail("cannot resize a picture of {} x {} pixels to {} x {}", image.width, image.height, width,
         height);
  }
  // As in Pillow, an axis that keeps its size is not filtered.
  if (width == image.width && height == image.height) return image;
  const Filter filter = filter_of(resample);
  if (width == image.width) return resize_height(image, height, filter);
  if (height == image.height) return resize_width(image, width, filter);
  return resize_height(resize_width(image, width, filter), height, filter);
}

Image resize_bicubic(const Image& image, int width, int height) {
  return resize(image, width, height, Resample::kBicubic);
}

}  // namespace saccade::media
