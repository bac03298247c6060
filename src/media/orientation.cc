#include "media/orientation.h"

#include <algorithm>
#include <cstring>

#include "media/tiff_tags.h"

namespace saccade::media {
namespace {

constexpr std::string_view kExifPrefix("Exif\0\0", 6);
constexpr std::string_view kXmpName = "tiff:Orientation";

// Reading down columns touches a new cache line with every pixel; in blocks of this many columns
// and rows, the lines are still there for the next column.
constexpr int kBlock = 32;

int known_orientation(std::int64_t value) {
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
}

}  // namespace

int exif_orientation(ByteView exif) {
  if (exif.has_text(0, kExifPrefix)) exif = exif.part(kExifPrefix.size(), exif.size());
  return known_orientation(TiffTags::read(exif).value(kTagOrientation).value_or(0));
}

int xmp_orientation(std::string_view xmp) {
  // The attribute form tiff:Orientation="6" and the element form <tiff:Orientation>6<.
  for (std::size_t at = xmp.find(kXmpName); at != xmp.npos; at = xmp.find(kXmpName, at + 1)) {
    std::string_view rest = xmp.substr(at + kXmpName.size());
    if (rest.starts_with("=\"")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with(">")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return known_orientation(rest[0] - '0');
  }
  return 0;
}

Image apply_orientation(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  // In the orientations from 5 on, the rows of the file are columns of the picture.
  const bool transposed = orientation >= 5;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image upright;
  upright.width = transposed ? image.height : image.width;
  upright.height = transposed ? image.width : image.height;
  upright.pixels.resize(image.pixels.size());

  // Where a step to the right and a step down in the upright picture lead in the other one.
  const std::ptrdiff_t along = from_right ? -3 : 3;
  const std::ptrdiff_t down = 3 * static_cast<std::ptrdiff_t>(image.width) * (from_bottom ? -1 : 1);
  const std::ptrdiff_t step_x = transposed ? down : along;
  const std::ptrdiff_t step_y = transposed ? along : down;
  const std::uint8_t* first = image.pixels.data();
  if (from_right) first += 3 * (static_cast<std::ptrdiff_t>(image.width) - 1);
  if (from_bottom) first -= down * (static_cast<std::ptrdiff_t>(image.height) - 1);

  for (int top = 0; top < upright.height; top += kBlock) {
    for (int left = 0; left < upright.width; left += kBlock) {
      const int right = std::min(left + kBlock, upright.width);
      for (int y = top; y < std::min(top + kBlock, upright.height); ++y) {
        const std::uint8_t* in = first + left * step_x + y * step_y;
        std::uint8_t* out =
            &upright.pixels[3 * (static_cast<std::size_t>(y) * upright.width + left)];
        for (int x = left; x < right; ++x, in += step_x, out += 3) std::memcpy(out, in, 3);
      }
    }
  }
  return upright;
}

}  // namespace saccade::media
