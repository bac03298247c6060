// When a photo was taken, from the several places where cameras write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace Exiv2 {
class ExifData;
class XmpData;
}  // namespace Exiv2

namespace saccade::photos {

struct TakenTime {
  std::string text;  ///< "2024-05-01T12:00:00+02:00", or without the offset; empty: unknown
  std::optional<std::int64_t> seconds;  ///< since 1970 UTC; without an offset as if it were UTC
};

/// The EXIF time of the exposure, or else of digitizing, or else of the file; else XMP's; else that
/// of GPS. The first that is there decides: where it cannot be, the time is unknown and `warnings`
/// say so. The offset is the one that EXIF names beside the time, or that of XMP's for the same
/// time, or follows from the GPS time, which is in UTC. `now` is in seconds since 1970.
TakenTime read_taken_time(const Exiv2::ExifData& exif, const Exiv2::XmpData& xmp, std::int64_t now,
                          std::vector<std::string>& warnings);

}  // namespace saccade::photos
