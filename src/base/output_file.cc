#include "base/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace saccade {
namespace {

// So much is handed to the disk at once, so that neither the page cache nor the last close has to
// take all of a large file.
constexpr std::int64_t kFlushBytes = std::int64_t{256} << 20;

bool no_room(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

}  // namespace

OutputFile::OutputFile(const std::filesystem::path& path, std::int64_t bytes)
    : path_(path), bytes_(bytes) {
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file_ < 0) fail("{}: cannot be made: {}", path.string(), std::strerror(errno));
  if (bytes == 0) return;
#ifdef __linux__
  const int result = ::fallocate(file_, 0, 0, bytes);
#else
  const int result = ::ftruncate(file_, bytes);
#endif
  if (result == 0 || !no_room(errno)) return;  // not every file system can reserve
  const int error = errno;
  ::close(std::exchange(file_, -1));
  ::unlink(path.c_str());
  fail_write(error);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(other.bytes_), file_(std::exchange(other.file_, -1)) {}

OutputFile::~OutputFile() {
  if (file_ >= 0) ::close(file_);
}

void OutputFile::fail_write(int error) const {
  if (no_room(error)) {
    fail("{}: no room for its {} bytes: {}; make room and try again", path_.string(), bytes_,
         std::strerror(error));
  }
  fail("{}: cannot be written: {}", path_.string(), std::strerror(error));
}

void OutputFile::write_at(std::int64_t offset, std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = ::pwrite(file_, data.data(), data.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_write(errno);
#ifdef __linux__
    if ((offset + written) / kFlushBytes != offset / kFlushBytes) {
      ::sync_file_range(file_, 0, 0, SYNC_FILE_RANGE_WRITE);
    }
#endif
    offset += written;
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

void OutputFile::close() {
  if (file_ < 0) return;
  const int synced = ::fsync(file_) == 0 || errno == EINVAL ? 0 : errno;
  const int closed = ::close(std::exchange(file_, -1)) == 0 ? 0 : errno;
  if (synced != 0) fail_write(synced);
  if (closed != 0) fail_write(closed);
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> data) {
  OutputFile file(path, static_cast<std::int64_t>(data.size()));
  file.write_at(0, data);
  file.close();
}

}  // namespace saccade
