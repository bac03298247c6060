// A file that is being written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace saccade {

/// A new file of a known size, filled in any order. Errors name the file and say what to do; a full
/// disk is noticed when the file is made, where the file system can tell.
class OutputFile {
 public:
  /// Makes the file, which must not exist, and reserves `bytes`. Throws Error.
  OutputFile(const std::filesystem::path& path, std::int64_t bytes);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) = delete;

  /// Throws Error when the disk is full or fails.
  void write_at(std::int64_t offset, std::span<const std::byte> data);
  /// Hands everything to the disk and closes the file. Throws Error.
  void close();

 private:
  [[noreturn]] void fail_write(int error) const;

  std::filesystem::path path_;
  std::int64_t bytes_ = 0;
  int file_ = -1;
};

/// Makes a file with these contents. Throws Error like OutputFile.
void write_file(const std::filesystem::path& path, std::span<const std::byte> data);

}  // namespace saccade
