#include "hub/checksum.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "base/error.h"

namespace saccade::hub {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

struct CloseFile {
  int descriptor;
  ~CloseFile() { close(descriptor); }
};

class Checksum {
 public:
  explicit Checksum(const EVP_MD* kind) : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1) throw std::bad_alloc();
  }

  void add(const void* data, std::size_t size) { EVP_DigestUpdate(context_.get(), data, size); }

  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), bytes.data(), &size);
    std::string text;
    for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string file_checksum(const std::filesystem::path& path, std::string_view blob,
                          const std::atomic<bool>& stop) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  const CloseFile closer{descriptor};
  const bool git = blob.size() == 40;
  Checksum checksum(git ? EVP_sha1() : EVP_sha256());
  if (git) {
    const std::string header = fmt::format("blob {}", std::filesystem::file_size(path));
    checksum.add(header.c_str(), header.size() + 1);
  }
  std::vector<char> chunk(kChunkBytes);
  while (!stop) {
    const ssize_t count = read(descriptor, chunk.data(), chunk.size());
    if (count == 0) return checksum.hex();
    if (count > 0) {
      checksum.add(chunk.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
    }
  }
  return "";
}

}  // namespace saccade::hub
