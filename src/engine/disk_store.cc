#include "engine/disk_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/digest.h"
#include "base/error.h"
#include "base/output_file.h"

namespace saccade::engine {
namespace fs = std::filesystem;
namespace {

constexpr std::array<char, 8> kMagic = {'S', 'A', 'C', 'C', 'A', 'D', 'E', '1'};
constexpr std::size_t kNameDigits = 64;
// Of the budget, what is made free at a time, so that directories are seldom listed.
constexpr std::int64_t kRoomShare = 8;
// Others write too: the directory is listed again after so large a share of the budget.
constexpr std::int64_t kScanShare = 16;
constexpr const char* kTemporary = ".new-";
// A temporary file that is older was left by a process that was killed.
constexpr std::chrono::hours kTemporaryLife{1};

/// What a file begins with; its payload follows.
struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint64_t payload_bytes = 0;
  Digest digest;  // of name and payload
};

Digest digest_of_entry(const std::string& name, std::span<const std::byte> payload) {
  return Digester().add(std::as_bytes(std::span(name))).add(payload).finish();
}

bool is_name(const std::string& text) {
  return text.size() == kNameDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void check_directory(const fs::path& directory) {
  std::error_code error;
  if (!fs::exists(directory, error)) {
    fs::create_directories(directory, error);
    if (error) fail("{}: cannot be made: {}", directory.string(), error.message());
    // Keys and values tell about the pictures that they were made of.
    ::chmod(directory.c_str(), S_IRWXU);
  }
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    fail("{}: wanted a directory for cached pictures and prompts", directory.string());
  }
  if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    fail(
        "{}: wanted a directory that only its owner, this user, can write to, for what lies there "
        "is believed; chmod go-w, or name another one",
        directory.string());
  }
  if (::access(directory.c_str(), R_OK | W_OK | X_OK) != 0) {
    fail("{}: {}", directory.string(), std::strerror(errno));
  }
}

/// An open file that is closed.
class InputFile {
 public:
  explicit InputFile(const fs::path& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~InputFile() {
    if (file_ >= 0) ::close(file_);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  bool open() const { return file_ >= 0; }
  int descriptor() const { return file_; }
  std::int64_t size() const {
    struct stat status {};
    return ::fstat(file_, &status) == 0 && S_ISREG(status.st_mode) ? status.st_size : -1;
  }
  bool read(std::span<std::byte> to) const {
    while (!to.empty()) {
      const ssize_t count = ::read(file_, to.data(), to.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      to = to.subspan(static_cast<std::size_t>(count));
    }
    return true;
  }

 private:
  int file_;
};

}  // namespace

DiskStore::DiskStore(fs::path directory, std::int64_t budget_bytes, Warn warn)
    : directory_(std::move(directory)), budget_bytes_(budget_bytes), warn_(std::move(warn)) {
  if (budget_bytes < 1) {
    fail_usage("cache-dir-size: wanted a number of bytes from 1 up, found {}", budget_bytes);
  }
  check_directory(directory_);
  make_room(0);
}

fs::path DiskStore::path_of(const std::string& name) const {
  // File systems are slow with a hundred thousand files in one directory.
  return directory_ / name.substr(0, 2) / name;
}

std::int64_t DiskStore::size(const std::string& name) const {
  std::error_code error;
  const auto bytes = static_cast<std::int64_t>(fs::file_size(path_of(name), error));
  return error ? 0 : std::max<std::int64_t>(0, bytes - static_cast<std::int64_t>(sizeof(Header)));
}

bool DiskStore::has(const std::string& name) const {
  return ::access(path_of(name).c_str(), R_OK) == 0;
}

std::optional<std::vector<std::byte>> DiskStore::read(const std::string& name) {
  const fs::path path = path_of(name);
  const InputFile file(path);
  if (!file.open()) return std::nullopt;
  Header header;
  const std::int64_t size = file.size() - static_cast<std::int64_t>(sizeof(header));
  if (size < 0 || !file.read(std::as_writable_bytes(std::span(&header, 1)))) {
    reject(path, "it is not complete");
    return std::nullopt;
  }
  if (header.magic != kMagic) {
    reject(path, "it is not one of Saccade's");
    return std::nullopt;
  }
  if (static_cast<std::uint64_t>(size) != header.payload_bytes) {
    reject(path, "it is not complete");
    return std::nullopt;
  }
  std::vector<std::byte> payload(static_cast<std::size_t>(size));
  if (!file.read(payload) || digest_of_entry(name, payload) != header.digest) {
    reject(path, "its content is damaged");
    return std::nullopt;
  }
  ::futimens(file.descriptor(), nullptr);  // it was used now
  return payload;
}

void DiskStore::reject(const fs::path& path, const char* reason) {
  ++rejected_;
  // What is computed in its place is written anew.
  ::unlink(path.c_str());
  warn_(fmt::format("{}: ignored and removed: {}", path.string(), reason));
}

bool DiskStore::write(const std::string& name, std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  const auto total = static_cast<std::int64_t>(sizeof(Header) + bytes.size());
  if (total > budget_bytes_ - budget_bytes_ / kRoomShare || has(name)) return false;
  if (bytes_ + total > budget_bytes_ || written_since_scan_ > budget_bytes_ / kScanShare) {
    make_room(total);
  }
  const fs::path path = path_of(name);
  std::error_code error;
  fs::create_directory(path.parent_path(), error);
  const fs::path temporary =
      directory_ / fmt::format("{}{}-{}", kTemporary, ::getpid(), temporary_files_++);
  try {
    OutputFile file(temporary, total);
    const Header header{kMagic, bytes.size(), digest_of_entry(name, bytes)};
    file.write_at(0, std::as_bytes(std::span(&header, 1)));
    file.write_at(sizeof(header), bytes);
    // Not waited for: the digest tells whether it has reached the disk.
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }
  fs::rename(temporary, path, error);
  if (error) {
    ::unlink(temporary.c_str());
    fail("{}: cannot be made: {}", path.string(), error.message());
  }
  bytes_ += total;
  ++entries_;
  written_since_scan_ += total;
  return true;
}

std::vector<DiskStore::Entry> DiskStore::scan() {
  std::vector<Entry> entries;
  std::int64_t foreign = 0;
  fs::path example;
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (fs::recursive_directory_iterator at(directory_, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;  // others remove files too
    if (!at->is_regular_file(gone) || gone) continue;
    const std::string name = at->path().filename().string();
    const auto last_used = at->last_write_time(gone);
    const auto bytes = static_cast<std::int64_t>(at->file_size(gone));
    if (gone) continue;
    if (is_name(name)) {
      entries.push_back({at->path(), bytes, last_used});
    } else if (name.starts_with(kTemporary)) {
      if (now - last_used > kTemporaryLife) fs::remove(at->path(), gone);
    } else {
      ++foreign;
      example = at->path();
    }
  }
  if (foreign > 0 && written_since_scan_ == 0 && entries_ == 0) {
    warn_(fmt::format("{}: {} files there are not Saccade's, such as {}; they are left alone",
                      directory_.string(), foreign, example.filename().string()));
  }
  return entries;
}

/// Removes what was not used for the longest time until `bytes` more have their place.
void DiskStore::make_room(std::int64_t bytes) {
  std::vector<Entry> entries = scan();
  std::int64_t total = 0;
  for (const Entry& entry : entries) total += entry.bytes;
  auto kept = std::ssize(entries);
  if (total + bytes > budget_bytes_) {
    std::ranges::sort(entries, {}, &Entry::last_used);
    for (const Entry& entry : entries) {
      if (total + bytes <= budget_bytes_ - budget_bytes_ / kRoomShare) break;
      std::error_code error;
      if (fs::remove(entry.path, error)) ++evictions_;
      total -= entry.bytes;
      --kept;
    }
  }
  bytes_ = total;
  entries_ = kept;
  written_since_scan_ = 0;
}

void DiskStore::clear() {
  const std::lock_guard lock(mutex_);
  for (const Entry& entry : scan()) {
    std::error_code error;
    fs::remove(entry.path, error);
  }
  bytes_ = 0;
  entries_ = 0;
}

}  // namespace saccade::engine
