// Pixels to a JPEG file, to measure its decoding with.
#pragma once

#include <cstddef>
#include <vector>

#include "media/image.h"

namespace saccade::media {

/// A baseline JPEG file of the picture, colours at half the resolution as cameras have them.
/// `quality` is from 1 to 100. Throws Error when the picture cannot be encoded.
std::vector<std::byte> encode_jpeg(const Image& image, int quality);

}  // namespace saccade::media
