// What libvips hands out, given back in its own ways. For sources that include its header.
#pragma once

#include <vips/vips.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

namespace saccade::media {

struct UnrefImage {
  void operator()(VipsImage* image) const { g_object_unref(image); }
};
using VipsPointer = std::unique_ptr<VipsImage, UnrefImage>;

/// The bytes of a file that libvips has saved to memory, which is given back.
inline std::vector<std::byte> take_saved(void* data, std::size_t size) {
  struct Free {
    void operator()(void* memory) const { g_free(memory); }
  };
  const std::unique_ptr<void, Free> owner(data);
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), data, size);
  return bytes;
}

}  // namespace saccade::media
