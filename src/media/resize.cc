// Resizing with Pillow's arithmetic.
//
// Each axis is a pass of its own: a weighted sum over the neighbours along that axis, rounded back
// to 8 bits. Weights are worked out in double precision and rounded to 22 binary digits; from there
// on everything is whole numbers, so a faster order of work cannot change the result.
#include <cstring>

#include "media/image.h"
#include "media/row_resizer.h"

namespace saccade::media {

Image resize(const Image& image, int width, int height, Resample resample) {
  RowResizer resizer(image.width, image.height, width, height, resample);
  if (width == image.width && height == image.height) return image;
  const std::size_t bytes = 3 * static_cast<std::size_t>(image.width);
  for (int y = 0; y < image.height; ++y) {
    std::memcpy(resizer.next_row(), &image.pixels[bytes * y], bytes);
  }
  return resizer.finish();
}

Image resize_bicubic(const Image& image, int width, int height) {
  return resize(image, width, height, Resample::kBicubic);
}

}  // namespace saccade::media
