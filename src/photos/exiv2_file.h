// exiv2 over the bytes of one picture file: quiet, safe with threads, and without its exceptions.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace Exiv2 {
class Image;
class ExifData;
}  // namespace Exiv2

namespace saccade::photos {

/// The file with its metadata read; null when exiv2 cannot read it. `bytes` must outlive it.
/// Several threads may call at once. exiv2 writes no messages of its own from then on.
std::unique_ptr<Exiv2::Image> open_exiv2(std::span<const std::byte> bytes);

/// A value as text: valid UTF-8 without control characters and outer blanks, 200 bytes at most.
/// Empty when the key is absent.
std::string exif_text(const Exiv2::ExifData& exif, const char* key);

/// The same of any text that a file carries.
std::string clean_text(std::string text);

/// EXIF orientation, 1 to 8; 1 when it is absent or something else.
int exif_orientation_of(const Exiv2::ExifData& exif);

/// A format of cameras' own: "dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2", "mrw", "pef",
/// "srw", or "raw" of another maker; empty for anything else. `file` is null or open_exiv2(bytes).
std::string raw_format(std::span<const std::byte> bytes, const Exiv2::Image* file);

/// Whether the first bytes alone tell a RAW format. Those built on TIFF begin as any TIFF does.
bool begins_like_raw(std::span<const std::byte> head);

}  // namespace saccade::photos
