#include "media/thumbnail.h"

#include <vips/vips.h>

#include <cstring>
#include <memory>

#include "base/error.h"
#include "media/container.h"
#include "media/picture.h"
#include "media/vips_decoder.h"

namespace saccade::media {
namespace {

// libvips's own ways of giving back, as deleters.
struct Unref {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};
struct Free {
  void operator()(void* memory) const { g_free(memory); }
};
using VipsPointer = std::unique_ptr<VipsImage, Unref>;

/// The small upright picture in sRGB, not yet computed; null when it cannot be.
VipsPointer shrunk(std::span<const std::byte> bytes, int size) {
  VipsImage* image = nullptr;
  // The signature of libvips is not const, but loaders do not write to their source.
  if (vips_thumbnail_buffer(const_cast<std::byte*>(bytes.data()), bytes.size(), &image, size,
                            "height", size, "size", VIPS_SIZE_DOWN, "export_profile", "srgb",
                            "fail_on", VIPS_FAIL_ON_TRUNCATED, nullptr) != 0) {
    return nullptr;
  }
  return VipsPointer(image);
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
  // Reads the header as everyone else does: what is no picture, or too large a one, ends here.
  const Picture header(bytes, where);
  const VipsPointer image = flattened(shrunk(bytes, size));
  void* data = nullptr;
  std::size_t length = 0;
  if (!image || vips_jpegsave_buffer(image.get(), &data, &length, "Q", quality, "strip", TRUE,
                                     "optimize_coding", TRUE, nullptr) != 0) {
    vips_error_clear();
    fail("{}: a damaged or truncated {} file: no small picture of it can be made", where,
         format_name(sniff_format(ByteView(bytes))));
  }
  const std::unique_ptr<void, Free> owner(data);
  std::vector<std::byte> jpeg(length);
  std::memcpy(jpeg.data(), data, length);
  return jpeg;
}

}  // namespace saccade::media
