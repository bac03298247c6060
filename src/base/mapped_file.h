// A read-only file mapped into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace saccade {

/// Maps a whole file read-only; the bytes stay valid while this object lives.
class MappedFile {
 public:
  /// Throws Error when the file is missing, is not a regular file or cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

  /// Tells the system that [offset, offset + size) will not be read again soon, so that its page
  /// cache copies need not count as ours.
  void release(std::size_t offset, std::size_t size) const;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace saccade
