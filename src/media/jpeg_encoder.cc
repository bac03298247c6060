#include "media/jpeg_encoder.h"

#include <vips/vips.h>

#include <cstring>
#include <memory>

#include "base/error.h"
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

}  // namespace

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  start_vips();
  const std::unique_ptr<VipsImage, Unref> source(vips_image_new_from_memory(
      image.pixels.data(), image.pixels.size(), image.width, image.height, 3, VIPS_FORMAT_UCHAR));
  void* data = nullptr;
  std::size_t size = 0;
  if (!source || vips_jpegsave_buffer(source.get(), &data, &size, "Q", quality, "subsample_mode",
                                      VIPS_FOREIGN_SUBSAMPLE_ON, nullptr) != 0) {
    vips_error_clear();
    fail("a picture of {}x{} pixels: cannot be made a JPEG", image.width, image.height);
  }
  const std::unique_ptr<void, Free> owner(data);
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), data, size);
  return bytes;
}

}  // namespace saccade::media
