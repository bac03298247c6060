// Any bytes as a picture: a decoded picture or an Error, nothing else.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/error.h"
#include "media/image.h"

// libheif 1.15 drops a buffer of its AV1 decoder, libdav1d, when it refuses a damaged picture.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libdav1d";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    // A small limit keeps the fuzzer at parsing instead of filling memory.
    saccade::media::decode_image(std::as_bytes(std::span(data, size)), "fuzz",
                                 {.max_pixels = 1 << 20});
  } catch (const saccade::Error&) {
  }
  return 0;
}
