#include "media/crop.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::media {
namespace {

constexpr std::size_t kChannels = 3;

/// Half of a number, rounded down, as Python's // does for negative ones too.
int floor_half(int n) {
  return n >= 0 ? n / 2 : -((1 - n) / 2);
}

/// Copies the part of `image` that falls on `canvas` when its top left pixel lies at (left, top).
void paste(const Image& image, int left, int top, Image& canvas) {
  const int first = std::max(0, -left);
  const int end = std::min(image.width, canvas.width - left);
  if (first >= end) return;
  for (int y = std::max(0, -top); y < std::min(image.height, canvas.height - top); ++y) {
    const std::size_t from = kChannels * (static_cast<std::size_t>(y) * image.width + first);
    const std::size_t to =
        kChannels * (static_cast<std::size_t>(y + top) * canvas.width + first + left);
    std::copy_n(&image.pixels[from], kChannels * (end - first), &canvas.pixels[to]);
  }
}

}  // namespace

Image crop(const Image& image, int left, int top, int width, int height) {
  if (left < 0 || top < 0 || width < 1 || height < 1 || left > image.width - width ||
      top > image.height - height) {
    fail("cannot cut {} x {} pixels at ({}, {}) out of a picture of {} x {}", width, height, left,
         top, image.width, image.height);
  }
  Image result{width, height, {}};
  result.pixels.resize(kChannels * width * height);
  paste(image, -left, -top, result);
  return result;
}

Image center_crop(const Image& image, int width, int height) {
  Image result{width, height, {}};
  result.pixels.resize(kChannels * width * height);
  // Where the picture is smaller on either axis, transformers first pads both axes to the larger of
  // the two sizes, rounding the border up, and then moves the crop by that border.
  const bool inside = width <= image.width && height <= image.height;
  const auto border = [&](int size, int wanted) {
    return inside ? 0 : (std::max(size, wanted) - size + 1) / 2;
  };
  const auto start = [&](int size, int wanted) {
    return std::max(0, floor_half(size - wanted) + border(size, wanted));
  };
  paste(image, border(image.width, width) - start(image.width, width),
        border(image.height, height) - start(image.height, height), result);
  return result;
}

Image pad_centered(const Image& image, int width, int height,
                   const std::array<std::uint8_t, 3>& colour) {
  if (width < image.width || height < image.height) {
    fail("cannot pad a picture of {} x {} pixels to {} x {}", image.width, image.height, width,
         height);
  }
  Image result{width, height, {}};
  result.pixels.resize(kChannels * width * height);
  for (std::size_t i = 0; i < result.pixels.size(); ++i) result.pixels[i] = colour[i % kChannels];
  paste(image, (width - image.width) / 2, (height - image.height) / 2, result);
  return result;
}

Image pad_to_square(const Image& image, const std::array<std::uint8_t, 3>& colour) {
  const int side = std::max(image.width, image.height);
  return pad_centered(image, side, side, colour);
}

}  // namespace saccade::media
