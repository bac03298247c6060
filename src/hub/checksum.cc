#include "hub/checksum.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/checksum.h"
#include "base/error.h"

namespace saccade::hub {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

struct CloseFile {
  int descriptor;
  ~CloseFile() { close(descriptor); }
};

}  // namespace

std::string file_checksum(const std::filesystem::path& path, std::string_view blob,
                          const std::atomic<bool>& stop) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  const CloseFile closer{descriptor};
  const bool git = blob.size() == 40;
  Checksum checksum(git ? Checksum::Kind::kSha1 : Checksum::Kind::kSha256);
  if (git) {
    const std::string header = fmt::format("blob {}", std::filesystem::file_size(path));
    checksum.add(std::string_view(header.c_str(), header.size() + 1));
  }
  std::vector<std::byte> chunk(kChunkBytes);
  while (!stop) {
    const ssize_t count = read(descriptor, chunk.data(), chunk.size());
    if (count == 0) return checksum.hex();
    if (count > 0) {
      checksum.add(std::span(chunk).first(static_cast<std::size_t>(count)));
    } else if (errno != EINTR) {
      fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
    }
  }
  return "";
}

}  // namespace saccade::hub
