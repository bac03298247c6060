#include "server/pictures.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/url/decode_view.hpp>
#include <boost/url/parse.hpp>
#include <filesystem>

#include "server/api_error.h"
#include "server/base64.h"

namespace saccade::server {
namespace {
namespace fs = std::filesystem;

/// Closes a descriptor at the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

ImageBytes picture_from_data(std::string_view url, const std::string& where) {
  const std::size_t comma = url.find(',');
  if (comma == std::string_view::npos || !url.substr(0, comma).ends_with(";base64")) {
    refuse_field(where, "{}: wanted data:image/TYPE;base64,... with the picture's bytes", where);
  }
  return picture_from_base64(url.substr(comma + 1), where);
}

/// The file's real place, which must be below the media root. What lies outside is not told apart
/// from what does not exist.
fs::path checked_path(const fs::path& path, const std::string& where, const std::string& root) {
  std::error_code error;
  const fs::path real_root = fs::canonical(root, error);
  const fs::path real_path = error ? fs::path() : fs::canonical(path, error);
  const bool inside = !error && std::ranges::mismatch(real_root, real_path).in1 == real_root.end();
  if (!inside) {
    throw ApiError(400,
                   fmt::format("{}: there is no such file below the server's --media-root", where),
                   where);
  }
  return real_path;
}

std::vector<std::byte> read_file(const fs::path& path, const std::string& where,
                                 std::size_t max_bytes) {
  // O_NONBLOCK: a pipe would be waited for. O_NOFOLLOW: the path has no links any more.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  struct stat status = {};
  if (file.number() < 0 || fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) {
    refuse_field(where, "{}: the file cannot be read", where);
  }
  if (static_cast<std::size_t>(status.st_size) > max_bytes) {
    throw ApiError(413, fmt::format("{}: the file is larger than {} bytes", where, max_bytes),
                   where);
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(status.st_size));
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t more = read(file.number(), bytes.data() + size, bytes.size() - size);
    if (more <= 0) refuse_field(where, "{}: the file cannot be read", where);
    size += static_cast<std::size_t>(more);
  }
  return bytes;
}

ImageBytes picture_from_file(const std::string& url, const std::string& where,
                             const ServeOptions& options) {
  if (options.media_root.empty()) {
    refuse_field(where,
                 "{}: this server reads no files; saccade serve --media-root DIR allows "
                 "those below a directory",
                 where);
  }
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || !(parsed->host().empty() || parsed->host() == "localhost")) {
    refuse_field(where, "{}: wanted file:///PATH", where);
  }
  const fs::path path = checked_path(parsed->path(), where, options.media_root);
  return {read_file(path, where, options.http.max_body_bytes), where};
}

}  // namespace

ImageBytes picture_from_base64(std::string_view text, const std::string& where) {
  auto bytes = decode_base64(text);
  if (!bytes || bytes->empty()) {
    refuse_field(where, "{}: the picture is not valid base64", where);
  }
  return {std::move(*bytes), where};
}

bool is_remote(const std::string& url) {
  return url.starts_with("http:") || url.starts_with("https:");
}

ImageBytes picture_from_url(const std::string& url, const std::string& where,
                            const ServeOptions& options) {
  if (url.starts_with("data:")) return picture_from_data(url, where);
  if (url.starts_with("file:")) return picture_from_file(url, where, options);
  if (is_remote(url)) {
    refuse_field(where,
                 "{}: this server fetches nothing from other machines (saccade serve "
                 "--allow-remote-images HOST allows some); send the picture itself as "
                 "data:image/TYPE;base64,...",
                 where);
  }
  refuse_field(where, "{}: wanted data:image/TYPE;base64,... or a file:// URL", where);
}

}  // namespace saccade::server
