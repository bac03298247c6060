#include "media/tiff_tags.h"

#include <algorithm>

namespace saccade::media {
namespace {

// Only lists of a few samples matter here; a hostile count must not make us read millions.
constexpr std::uint64_t kMaxValues = 16;

/// Bytes of one value of a whole-number TIFF type; 0 for the types that hold none. BYTE counts as
/// none, since Pillow reads it as a string, which is no orientation.
int width_of(std::uint64_t type) {
  switch (type) {
    case 3:  // SHORT
    case 8:  // SSHORT
      return 2;
    case 4:   // LONG
    case 9:   // SLONG
    case 13:  // IFD
      return 4;
    case 16:  // LONG8
    case 17:  // SLONG8
      return 8;
    default:
      return 0;
  }
}

}  // namespace

TiffTags TiffTags::read(ByteView bytes) {
  TiffTags tags;
  const bool big_endian = bytes.has_text(0, "MM");
  if (!big_endian && !bytes.has_text(0, "II")) return tags;
  const auto number = [&](std::uint64_t offset, int width) {
    return big_endian ? bytes.big(offset, width) : bytes.little(offset, width);
  };
  const bool big_tiff = number(2, 2) == 43;
  // 42 the wrong way round exists in the wild, and Pillow takes it.
  if (!big_tiff && number(2, 2) != 42 && number(2, 2) != 42 << 8) return tags;

  const int word = big_tiff ? 8 : 4;
  const int count_width = big_tiff ? 8 : 2;
  const std::uint64_t entry_size = 4 + 2 * word;
  const std::uint64_t directory = number(big_tiff ? 8 : 4, word);
  if (!bytes.contains(directory, count_width)) return tags;
  const std::uint64_t entries = number(directory, count_width);
  for (std::uint64_t i = 0; i < entries; ++i) {
    const std::uint64_t entry = directory + count_width + i * entry_size;
    if (!bytes.contains(entry, entry_size)) break;
    const int width = width_of(number(entry + 2, 2));
    const std::uint64_t count = number(entry + 4, word);
    if (width == 0 || count == 0) continue;
    const std::uint64_t kept = std::min(count, kMaxValues);
    const bool inside = count <= static_cast<std::uint64_t>(word / width);
    const std::uint64_t offset = inside ? entry + 4 + word : number(entry + 4 + word, word);
    if (!bytes.contains(offset, kept * width)) continue;
    std::vector<std::int64_t> values(kept);
    for (std::uint64_t k = 0; k < kept; ++k) {
      values[k] = static_cast<std::int64_t>(number(offset + k * width, width));
    }
    tags.entries_[static_cast<int>(number(entry, 2))] = {offset, std::move(values)};
  }
  return tags;
}

std::optional<std::int64_t> TiffTags::value(int tag) const {
  const auto found = entries_.find(tag);
  if (found == entries_.end() || found->second.values.size() != 1) return std::nullopt;
  return found->second.values[0];
}

std::int64_t TiffTags::first_or(int tag, std::int64_t otherwise) const {
  const auto found = entries_.find(tag);
  return found == entries_.end() ? otherwise : found->second.values[0];
}

std::optional<std::uint64_t> TiffTags::offset(int tag) const {
  const auto found = entries_.find(tag);
  if (found == entries_.end()) return std::nullopt;
  return found->second.offset;
}

}  // namespace saccade::media
