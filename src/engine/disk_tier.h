// The part of the caches that is on a disk.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/digest.h"
#include "engine/disk_store.h"

namespace saccade::engine {

/// What an entry is: keys and values of a page, the recurrent state after one, what the tower made
/// of a picture.
enum class Stored { kPage, kState, kPicture };

/// Writes what the caches of one model hold beside the model's work, and finds it again after a
/// restart. Knows which entries the caches in memory hold, so that nobody reads these. Thread-safe.
class DiskTier {
 public:
  /// `model` names all that entries depend on beside their key (model_fingerprint.h).
  DiskTier(DiskStore& store, std::string model, DiskStore::Warn warn);
  /// Writes what still waits.
  ~DiskTier();
  DiskTier(const DiskTier&) = delete;
  DiskTier& operator=(const DiskTier&) = delete;

  /// Bytes read from the disk that wait for their place in a cache: so many at a time in all
  /// requests, beyond which reading fails.
  class Bytes {
   public:
    Bytes() = default;
    Bytes(std::vector<std::byte> bytes, std::atomic<std::int64_t>& total);
    ~Bytes();
    Bytes(Bytes&& other) noexcept;
    Bytes& operator=(Bytes&& other) noexcept;

    bool empty() const { return bytes_.empty(); }
    std::span<const std::byte> span() const { return bytes_; }

   private:
    std::vector<std::byte> bytes_;
    std::atomic<std::int64_t>* total_ = nullptr;
  };

  /// Whether a cache in memory holds it.
  bool resident(Stored kind, const Digest& key) const;
  /// A cache in memory has taken it in, or has dropped it.
  void note_resident(Stored kind, const Digest& key);
  void note_dropped(Stored kind, const Digest& key);

  /// Whether it is on the disk.
  bool has(Stored kind, const Digest& key) const;
  /// The entry, or nothing where there is none that is whole, or no room for it now.
  Bytes read(Stored kind, const Digest& key);

  /// Whether write() would take it: it is not on the disk, and the disk keeps up.
  bool wants(Stored kind, const Digest& key, std::int64_t bytes);
  /// Writes it by and by.
  void write(Stored kind, const Digest& key, std::vector<std::byte> bytes);
  /// Removes all entries, those that wait too.
  void clear();

  const DiskStore& store() const { return store_; }
  /// Entries read and written, and those that were not because the disk was too slow or full.
  std::int64_t reads() const { return reads_; }
  std::int64_t writes() const { return writes_; }
  std::int64_t skipped() const { return skipped_; }

 private:
  struct Job {
    std::string name;
    std::vector<std::byte> bytes;
  };
  std::string name_of(Stored kind, const Digest& key) const;
  static Digest tagged(Stored kind, const Digest& key);
  void work();
  void write_now(const Job& job);

  DiskStore& store_;
  std::string model_;
  DiskStore::Warn warn_;
  std::atomic<std::int64_t> staged_bytes_ = 0;
  std::atomic<std::int64_t> reads_ = 0, writes_ = 0, skipped_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_set<Digest> residents_;
  std::deque<Job> jobs_;
  std::unordered_set<std::string> waiting_;  // names of jobs, the one in hand among them
  std::int64_t waiting_bytes_ = 0;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point paused_until_{};
  std::jthread writer_;
};

}  // namespace saccade::engine
