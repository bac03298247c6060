#include "photos/photo_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/output_file.h"

namespace saccade::photos {
namespace {

std::vector<std::byte> read_bytes(const std::filesystem::path& path, std::size_t count) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  std::vector<std::byte> bytes(count);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(count));
  if (file.bad()) fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

std::string unique_number() {
  static std::atomic<std::uint64_t> next = 0;
  return fmt::format("{}-{}", getpid(), next++);
}

}  // namespace

FileStamp stamp_of(const std::filesystem::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) fail("{}: {}", path.string(), std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail("{}: it is no regular file", path.string());
#ifdef __APPLE__
  const timespec& modified = status.st_mtimespec;
#else
  const timespec& modified = status.st_mtim;
#endif
  return {.bytes = status.st_size,
          .modified_ns = std::int64_t{modified.tv_sec} * 1'000'000'000 + modified.tv_nsec};
}

std::vector<std::byte> read_head(const std::filesystem::path& path, std::size_t count) {
  return read_bytes(path, count);
}

std::vector<std::byte> read_photo_file(const std::filesystem::path& path) {
  const FileStamp stamp = stamp_of(path);
  if (stamp.bytes > kMaxFileBytes) {
    fail("{}: it has {} MiB, more than the {} MiB that a photo may have", path.string(),
         stamp.bytes >> 20, kMaxFileBytes >> 20);
  }
  if (stamp.bytes == 0) fail("{}: it is empty", path.string());
  return read_bytes(path, static_cast<std::size_t>(stamp.bytes));
}

void write_whole_file(const std::filesystem::path& path, const std::vector<std::byte>& bytes) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error)
    fail("{}: the folder cannot be made: {}", path.parent_path().string(), error.message());
  // Another process may be writing the same thumbnail.
  const std::filesystem::path part = path.string() + fmt::format(".{}.part", unique_number());
  try {
    write_file(part, bytes);
    std::filesystem::rename(part, path);
  } catch (const std::filesystem::filesystem_error& failure) {
    std::filesystem::remove(part, error);
    fail("{}: cannot be written: {}", path.string(), failure.code().message());
  } catch (...) {
    std::filesystem::remove(part, error);
    throw;
  }
}

}  // namespace saccade::photos
