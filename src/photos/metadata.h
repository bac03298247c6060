// What a picture file says of itself: format, size, and what the camera wrote into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::photos {

struct PhotoMetadata {
  std::string format;   ///< "jpeg", "png", "webp", "gif", "tiff", "heic", "avif", or of a RAW file
                        ///< "dng", ...
  int width = 0;        ///< of the upright picture, pixels
  int height = 0;       ///< of the upright picture, pixels
  int orientation = 1;  ///< EXIF, 1 to 8; already applied to width and height
  /// When it was taken, in the camera's own time: "2024-05-01T12:00:00+02:00", or without the
  /// offset where the file does not know it. Empty: unknown, or no date that can be.
  std::string taken_at;
  /// The same as seconds since 1970-01-01T00:00:00Z; without an offset as if it were UTC.
  std::optional<std::int64_t> taken_seconds;
  std::string camera;  ///< "Apple iPhone 15"; empty: unknown
  std::string lens;
  std::optional<double> latitude;     ///< degrees, north positive
  std::optional<double> longitude;    ///< degrees, east positive
  std::optional<double> altitude_m;   ///< metres above the sea
  std::vector<std::string> warnings;  ///< what was there and cannot be: a date in the future, ...
};

/// Reads the header and the metadata of a picture file; no pixels are decoded. Damaged metadata is
/// a warning. Throws Error, one line that begins with `where`, when the bytes are no picture.
PhotoMetadata read_metadata(std::span<const std::byte> bytes, std::string_view where);

}  // namespace saccade::photos
