#include "hub/cache_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/hub_cache.h"
#include "hub/answer.h"

namespace saccade::hub {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::milliseconds kLockInterval{100};

void make_directories(const fs::path& path) {
  std::error_code status;
  fs::create_directories(path, status);
  if (status) fail("{}: cannot be made: {}", path.string(), status.message());
}

/// What is written under another name becomes `path` at once, in place of what was there.
void put_in_place(const fs::path& fresh, const fs::path& path) {
  std::error_code status;
  fs::rename(fresh, path, status);
  if (status) {
    std::error_code ignored;
    fs::remove(fresh, ignored);
    fail("{}: cannot be put in place: {}", path.string(), status.message());
  }
}

/// A name beside `path` that no file of a repository has.
fs::path fresh_name(const fs::path& path) {
  return path.parent_path() / fmt::format(".saccade-{}.new", getpid());
}

/// A relative link from snapshots/COMMIT/`name` to the blob, so that the cache can be moved.
fs::path link_target(const RemoteFile& file) {
  fs::path target = "../..";
  const auto folders = std::count(file.name.begin(), file.name.end(), '/');
  for (auto i = folders; i > 0; --i) target /= "..";
  return target / "blobs" / file.blob;
}

}  // namespace

CacheFolder::CacheFolder(const fs::path& cache, const std::string& repository,
                         PullListener& listener)
    : root_(cache / hub_model_folder(repository)) {
  make_directories(blobs());
  // Where huggingface_hub keeps its locks, too.
  const fs::path locks = cache / ".locks" / hub_model_folder(repository);
  make_directories(locks);
  try {
    lock(locks / "saccade.lock", repository, listener);
  } catch (...) {
    if (lock_ >= 0) close(lock_);
    throw;
  }
}

CacheFolder::~CacheFolder() {
  close(lock_);  // which unlocks it
}

void CacheFolder::lock(const fs::path& path, const std::string& repository,
                       PullListener& listener) {
  lock_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) fail("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  for (bool told = false; flock(lock_, LOCK_EX | LOCK_NB) != 0; told = true) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      fail("{}: cannot be locked: {}; set HF_HUB_CACHE to a folder on a file system with locks",
           path.string(), std::strerror(errno));
    }
    if (!told) listener.on_notice(repository + ": waiting for another pull of it to end");
    if (listener.cancelled()) throw Cancelled();
    std::this_thread::sleep_for(kLockInterval);
  }
}

bool CacheFolder::has(const RemoteFile& file) const {
  std::error_code status;
  const std::uintmax_t bytes = fs::file_size(blobs() / file.blob, status);
  return !status && bytes == static_cast<std::uintmax_t>(file.bytes);
}

fs::path CacheFolder::link(const Revision& revision) const {
  fs::path snapshot = root_ / "snapshots" / revision.commit;
  for (const RemoteFile& file : revision.files) {
    const fs::path path = snapshot / file.name;
    const fs::path target = link_target(file);
    make_directories(path.parent_path());
    std::error_code status;
    if (fs::read_symlink(path, status) == target) continue;
    const fs::path fresh = fresh_name(path);
    fs::remove(fresh, status);
    fs::create_symlink(target, fresh, status);
    if (status) fail("{}: cannot be linked: {}", path.string(), status.message());
    put_in_place(fresh, path);
  }
  return snapshot;
}

void CacheFolder::set_reference(const std::string& revision, const std::string& commit) const {
  const fs::path path = root_ / "refs" / revision;
  make_directories(path.parent_path());
  const fs::path fresh = fresh_name(path);
  std::ofstream stream(fresh, std::ios::binary | std::ios::trunc);
  stream << commit;
  stream.close();
  if (!stream) fail("{}: cannot be written: {}", fresh.string(), std::strerror(errno));
  put_in_place(fresh, path);
}

}  // namespace saccade::hub
