// Reading photo files, which may be anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace saccade::photos {

/// Larger files are refused: photos, RAW files too, are smaller.
inline constexpr std::int64_t kMaxFileBytes = std::int64_t{1} << 30;

struct FileStamp {
  std::int64_t bytes = 0;
  std::int64_t modified_ns = 0;  ///< since 1970

  bool operator==(const FileStamp&) const = default;
};

/// Throws Error when it is gone, may not be read, or is no regular file.
FileStamp stamp_of(const std::filesystem::path& path);
/// The first `count` bytes, or fewer where it is shorter. Throws Error.
std::vector<std::byte> read_head(const std::filesystem::path& path, std::size_t count);
/// The whole file. Throws Error, also for one that is too large.
std::vector<std::byte> read_photo_file(const std::filesystem::path& path);
/// Writes a file so that it is there whole or not at all, with the folders on the way. Throws
/// Error.
void write_whole_file(const std::filesystem::path& path, const std::vector<std::byte>& bytes);

}  // namespace saccade::photos
