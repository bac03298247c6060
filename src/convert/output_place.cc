#include "convert/output_place.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "base/error.h"

namespace saccade::conversion {
namespace fs = std::filesystem;

void refuse_existing(const fs::path& path) {
  std::error_code status;
  const fs::file_status found = fs::symlink_status(path, status);
  if (fs::exists(found)) {
    fail("{}: is there already; remove it or name another destination", path.string());
  }
}

OutputPlace::OutputPlace(const fs::path& destination) : destination_(destination) {
  // "model/" names the same directory as "model".
  if (!destination_.has_filename()) destination_ = destination_.parent_path();
  if (destination_.empty())
    fail_usage("DST is empty: wanted a directory or a name ending in .gguf");
  refuse_existing(destination_);
  std::random_device random;
  do {
    path_ = fmt::format("{}.saccade-{:08x}", destination_.string(), random());
  } while (::mkdir(path_.c_str(), 0777) != 0 && errno == EEXIST);
  std::error_code status;
  if (!fs::is_directory(path_, status)) {
    const std::string place = std::exchange(path_, fs::path()).parent_path().string();
    fail("{}: nothing can be written in {}: {}", destination_.string(), place.empty() ? "." : place,
         std::strerror(errno));
  }
}

OutputPlace::~OutputPlace() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void OutputPlace::become_destination() {
  refuse_existing(destination_);
  if (::rename(path_.c_str(), destination_.c_str()) != 0) {
    fail("{}: cannot be made: {}", destination_.string(), std::strerror(errno));
  }
  path_.clear();
}

void OutputPlace::move_out(const std::string& name, const fs::path& to) const {
  // A link, unlike a renaming, never replaces what has appeared there meanwhile.
  const fs::path from = path_ / name;
  if (::link(from.c_str(), to.c_str()) == 0) return;
  if (errno == EEXIST) refuse_existing(to);
  refuse_existing(to);
  if (::rename(from.c_str(), to.c_str()) != 0) {
    fail("{}: cannot be made: {}", to.string(), std::strerror(errno));
  }
}

}  // namespace saccade::conversion
