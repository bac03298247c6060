#include "media/jpeg_encoder.h"

#include "base/error.h"
#include "media/vips_decoder.h"
#include "media/vips_pointer.h"

namespace saccade::media {

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  start_vips();
  const VipsPointer source(vips_image_new_from_memory(
      image.pixels.data(), image.pixels.size(), image.width, image.height, 3, VIPS_FORMAT_UCHAR));
  void* data = nullptr;
  std::size_t size = 0;
  if (!source || vips_jpegsave_buffer(source.get(), &data, &size, "Q", quality, "subsample_mode",
                                      VIPS_FOREIGN_SUBSAMPLE_ON, nullptr) != 0) {
    vips_error_clear();
    fail("a picture of {}x{} pixels: cannot be made a JPEG", image.width, image.height);
  }
  return take_saved(data, size);
}

}  // namespace saccade::media
