// The picture in a photo file: the file itself, or of a RAW file the preview that it carries.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace saccade::photos {

/// Whether the first bytes of a file are those of a picture or of a camera's RAW format. 64 bytes
/// are enough.
bool looks_like_picture(std::span<const std::byte> head);

/// An encoded picture that media::Picture reads: `bytes` themselves, or the largest preview of a
/// RAW file, upright after its EXIF orientation. Throws Error, one line that begins with `where`.
std::vector<std::byte> encoded_picture(std::vector<std::byte> bytes, std::string_view where);

}  // namespace saccade::photos
