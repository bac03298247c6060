// Entries of bytes in a directory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace saccade::engine {

/// Keeps entries by name up to a byte budget, the least recently read out first. A file for each,
/// under a temporary name until it is whole, with a digest over its content: what was torn by a
/// crash, or is no entry, is not believed, and said. Several processes may share a directory;
/// nothing is remembered of it but its size. Thread-safe.
class DiskStore {
 public:
  using Warn = std::function<void(const std::string&)>;

  /// Makes the directory where there is none. Throws Error when it cannot be used, or when others
  /// could write there what would then be believed.
  DiskStore(std::filesystem::path directory, std::int64_t budget_bytes, Warn warn);

  /// A name is 64 hexadecimal digits.
  bool has(const std::string& name) const;
  /// The entry's bytes, or nothing when there is none that is whole.
  std::optional<std::vector<std::byte>> read(const std::string& name);
  /// Bytes of the entry, without reading it; 0: there is none.
  std::int64_t size(const std::string& name) const;
  /// False where nothing was written: the entry is there already, or larger than the budget allows.
  /// Throws Error when the disk is full or fails.
  bool write(const std::string& name, std::span<const std::byte> bytes);
  /// Removes all entries, those of other models and processes too.
  void clear();

  std::int64_t bytes() const { return bytes_; }
  std::int64_t entries() const { return entries_; }
  std::int64_t budget_bytes() const { return budget_bytes_; }
  /// Entries removed because the budget was spent, and those found damaged.
  std::int64_t evictions() const { return evictions_; }
  std::int64_t rejected() const { return rejected_; }

 private:
  struct Entry {
    std::filesystem::path path;
    std::int64_t bytes = 0;
    std::filesystem::file_time_type last_used;
  };
  std::filesystem::path path_of(const std::string& name) const;
  std::vector<Entry> scan();
  void make_room(std::int64_t bytes);
  void reject(const std::filesystem::path& path, const char* reason);

  std::filesystem::path directory_;
  std::int64_t budget_bytes_;
  Warn warn_;
  std::mutex mutex_;  // of writers
  std::int64_t written_since_scan_ = 0;
  std::int64_t temporary_files_ = 0;  // made so far
  std::atomic<std::int64_t> bytes_ = 0, entries_ = 0, evictions_ = 0, rejected_ = 0;
};

}  // namespace saccade::engine
