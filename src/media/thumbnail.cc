#include "media/thumbnail.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "media/container.h"
#include "media/picture.h"
#include "media/vips_decoder.h"
#include "media/vips_pointer.h"

namespace saccade::media {
namespace {

/// By how much a JPEG file of this size is shrunk as it is decoded: to no less than what is wanted.
int shrink_for(const Picture& header, int size) {
  int shrink = 1;
  while (shrink < 8 && std::max(header.width(), header.height()) >= 2 * shrink * size) shrink *= 2;
  return shrink;
}

/// The file's picture, not yet decoded; null when it cannot be. vips_thumbnail_buffer() would open
/// it by itself, and take a file that was cut short for a whole one.
VipsPointer opened(std::span<const std::byte> bytes, int shrink) {
  // The signature of libvips is not const, but loaders do not write to their source.
  void* data = const_cast<std::byte*>(bytes.data());
  VipsImage* image = nullptr;
  if (sniff_format(ByteView(bytes)) != ImageFormat::kJpeg) {
    image = vips_image_new_from_buffer(data, bytes.size(), "", "access", VIPS_ACCESS_SEQUENTIAL,
                                       "fail_on", VIPS_FAIL_ON_TRUNCATED, nullptr);
  } else if (vips_jpegload_buffer(data, bytes.size(), &image, "shrink", shrink, "access",
                                  VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_TRUNCATED,
                                  nullptr) != 0) {
    return nullptr;
  }
  return VipsPointer(image);
}

/// The small upright picture.
VipsPointer shrunk(VipsPointer image, int size) {
  VipsImage* small = nullptr;
  if (!image || vips_thumbnail_image(image.get(), &small, size, "height", size, "size",
                                     VIPS_SIZE_DOWN, nullptr) != 0) {
    return nullptr;
  }
  return VipsPointer(small);
}

/// The picture in sRGB: by its colour profile, or the usual one for its kind where it has none or
/// a broken one. After shrinking, when there is little left to convert.
VipsPointer in_srgb(VipsPointer image) {
  if (!image) return image;
  VipsImage* converted = nullptr;
  if (vips_image_get_typeof(image.get(), VIPS_META_ICC_NAME) != 0 &&
      vips_icc_transform(image.get(), &converted, "srgb", "embedded", TRUE, nullptr) == 0) {
    return VipsPointer(converted);
  }
  if (vips_colourspace(image.get(), &converted, VIPS_INTERPRETATION_sRGB, nullptr) != 0) {
    return nullptr;
  }
  return VipsPointer(converted);
}

/// The picture on white where it is transparent.
VipsPointer flattened(VipsPointer image) {
  if (!image || !vips_image_hasalpha(image.get())) return image;
  const std::unique_ptr<VipsArrayDouble, void (*)(VipsArrayDouble*)> white(
      vips_array_double_newv(1, 255.0),
      [](VipsArrayDouble* array) { vips_area_unref(VIPS_AREA(array)); });
  VipsImage* flat = nullptr;
  if (vips_flatten(image.get(), &flat, "background", white.get(), nullptr) != 0) return nullptr;
  return VipsPointer(flat);
}

}  // namespace

std::vector<std::byte> make_thumbnail(std::span<const std::byte> bytes, std::string_view where,
                                      int size, int quality) {
  if (size < 1) fail("{}: a small picture of {} pixels is none", where, size);
  // Reads the header as everyone else does: what is no picture, or too large a one, ends here.
  const Picture header(bytes, where);
  // libvips holds all rows that make up one small row: gigabytes of a broken header's 18 x
  // 9,733,919.
  constexpr int kMostPixels = 65'535;  // of a side: JPEG's own limit
  if (std::max(header.width(), header.height()) > kMostPixels) {
    fail("{}: a picture of {} x {} pixels: a side is over the limit of {} pixels", where,
         header.width(), header.height(), kMostPixels);
  }
  const VipsPointer image =
      flattened(in_srgb(shrunk(opened(bytes, shrink_for(header, size)), size)));
  void* data = nullptr;
  std::size_t length = 0;
  if (!image || vips_jpegsave_buffer(image.get(), &data, &length, "Q", quality, "strip", TRUE,
                                     "optimize_coding", TRUE, nullptr) != 0) {
    vips_error_clear();
    fail("{}: a damaged or truncated {} file: no small picture of it can be made", where,
         format_name(sniff_format(ByteView(bytes))));
  }
  return take_saved(data, length);
}

}  // namespace saccade::media
