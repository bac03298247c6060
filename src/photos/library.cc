#include "photos/library.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/error.h"

namespace saccade::photos {
namespace {

constexpr const char* kSettingsName = "photos.toml";
constexpr const char* kDatabaseName = "photos.db";

bool is_empty_or_missing(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return true;
  return std::filesystem::is_directory(folder, error) && std::filesystem::is_empty(folder, error) &&
         !error;
}

void create(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder / "thumbnails", error);
  if (error) fail("{}: the folder cannot be made: {}", folder.string(), error.message());
  // Photos are private, and so is what is known of them.
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  std::ofstream file(folder / kSettingsName);
  file << default_settings();
  file.close();
  if (!file) fail("{}: cannot be written", (folder / kSettingsName).string());
}

}  // namespace

Library::Library(const std::filesystem::path& folder, Missing missing)
    : folder_(std::filesystem::absolute(folder).lexically_normal()) {
  if (folder_.filename().empty()) folder_ = folder_.parent_path();
  if (missing == Missing::kCreate && is_empty_or_missing(folder_)) create(folder_);
  if (!std::filesystem::exists(folder_ / kSettingsName)) {
    fail(
        "{}: it is no photo library ({} is not there); `saccade photos add` makes one in an empty "
        "folder",
        folder_.string(), kSettingsName);
  }
  settings_ = read_settings(folder_ / kSettingsName);
  database_ = std::make_unique<Database>(folder_ / kDatabaseName);
}

std::filesystem::path Library::thumbnail_path(const std::string& digest) const {
  return folder_ / "thumbnails" / digest.substr(0, 2) / (digest + ".jpg");
}

std::optional<WorkLock> WorkLock::take(const Library& library) {
  const std::string path = (library.folder() / "work.lock").string();
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) fail("{}: {}; the library's folder must be writable", path, std::strerror(errno));
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return WorkLock(file);
  close(file);
  return std::nullopt;
}

WorkLock::~WorkLock() {
  if (file_ >= 0) close(file_);
}

WorkLock::WorkLock(WorkLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

}  // namespace saccade::photos
