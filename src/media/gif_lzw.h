// How much picture there is in GIF data.
#pragma once

#include <cstdint>

#include "media/byte_view.h"

namespace saccade::media {

/// Whether a chain of GIF data blocks, which begins with the byte for the code size, decodes to at
/// least `pixels` pixels. False when it ends too early or a code is impossible. libvips fills up
/// what is missing with black; Pillow refuses it, and this lets us do the same.
bool holds_pixels(ByteView data, std::int64_t pixels);

}  // namespace saccade::media
