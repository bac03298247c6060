// Small copies of pictures for pages and lists.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace saccade::media {

/// A JPEG file of the upright picture, its longer side `size` pixels at most (it is never made
/// larger), in sRGB and without metadata. Decodes JPEG files at a part of their size where that is
/// enough. Several threads may call at once. Throws Error, one line that begins with `where`.
std::vector<std::byte> make_thumbnail(std::span<const std::byte> bytes, std::string_view where,
                                      int size, int quality = 80);

}  // namespace saccade::media
