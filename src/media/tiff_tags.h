// The tag directory that TIFF files and EXIF blocks share.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "media/byte_view.h"

namespace saccade::media {

inline constexpr int kTagImageWidth = 256;
inline constexpr int kTagImageLength = 257;
inline constexpr int kTagBitsPerSample = 258;
inline constexpr int kTagCompression = 259;
inline constexpr int kTagPhotometric = 262;
inline constexpr int kTagOrientation = 274;
inline constexpr int kTagPlanarConfiguration = 284;
inline constexpr int kTagExtraSamples = 338;

/// The whole-number tags of the first directory of a TIFF structure, classic or BigTIFF.
class TiffTags {
 public:
  /// Reads what is readable: a directory that is cut short gives its first entries, bytes that are
  /// no TIFF structure give none. As in Pillow, the last of several equal tags counts.
  static TiffTags read(ByteView bytes);

  bool empty() const { return entries_.empty(); }

  /// The tag's only value; nothing when it is absent or a list.
  std::optional<std::int64_t> value(int tag) const;

  /// The tag's first value, or `otherwise`.
  std::int64_t first_or(int tag, std::int64_t otherwise) const;

  /// Where the tag's first value stands in the bytes; nothing when it is absent.
  std::optional<std::uint64_t> offset(int tag) const;

 private:
  struct Entry {
    std::uint64_t offset = 0;
    std::vector<std::int64_t> values;
  };
  std::map<int, Entry> entries_;
};

}  // namespace saccade::media
