// Cutting and padding pictures, as transformers' image processors do.
#pragma once

#include <array>
#include <cstdint>

#include "media/image.h"

namespace saccade::media {

/// The pixels of a rectangle. Throws Error unless it lies inside the picture and is not empty.
Image crop(const Image& image, int left, int top, int width, int height);

/// The middle width x height pixels; black where the picture is smaller. Halves of odd rests are
/// rounded as transformers' center_crop rounds them.
Image center_crop(const Image& image, int width, int height);

/// The picture in the middle of width x height pixels of one colour; of an odd rest the larger part
/// lies to the right and below. Throws Error when the picture is larger.
Image pad_centered(const Image& image, int width, int height,
                   const std::array<std::uint8_t, 3>& colour);

/// The picture in the middle of a square as wide as its longer side, the rest in one colour.
Image pad_to_square(const Image& image, const std::array<std::uint8_t, 3>& colour);

}  // namespace saccade::media
