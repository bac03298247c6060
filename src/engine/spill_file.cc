#include "engine/spill_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace saccade::engine {
namespace {

constexpr const char* kAdvice = "; TMPDIR names another directory for temporary files";

}  // namespace

SpillFile::SpillFile() {
  const char* directory = std::getenv("TMPDIR");
  directory_ = directory && *directory ? directory : "/tmp";
  std::string name = directory_ + "/saccade-XXXXXX";
  file_ = ::mkstemp(name.data());
  if (file_ < 0) {
    fail("{}: cannot make a temporary file: {}{}", directory_, std::strerror(errno), kAdvice);
  }
  ::unlink(name.c_str());
}

SpillFile::~SpillFile() {
  ::close(file_);
}

void SpillFile::write(std::span<const float> values) {
  const auto* data = reinterpret_cast<const char*>(values.data());
  std::size_t left = values.size_bytes();
  while (left > 0) {
    const ssize_t count = ::pwrite(file_, data, left, written_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      fail("{}: a temporary file of {} MiB cannot grow: {}{}", directory_, written_ >> 20,
           std::strerror(errno), kAdvice);
    }
    data += count;
    left -= static_cast<std::size_t>(count);
    written_ += count;
  }
}

void SpillFile::read(std::span<float> values) {
  auto* data = reinterpret_cast<char*>(values.data());
  std::size_t left = values.size_bytes();
  while (left > 0) {
    const ssize_t count = ::pread(file_, data, left, read_);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      fail("{}: a temporary file cannot be read: {}", directory_,
           count < 0 ? std::strerror(errno) : "it has ended");
    }
    data += count;
    left -= static_cast<std::size_t>(count);
    read_ += count;
  }
}

}  // namespace saccade::engine
