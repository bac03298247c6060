#include "engine/disk_tier.h"

#include <array>
#include <chrono>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"

namespace saccade::engine {
namespace {

// Copies in memory of what waits to be written, and of what was read and waits to be used.
constexpr std::int64_t kMaxWaitingBytes = std::int64_t{128} << 20;
constexpr std::int64_t kMaxStagedBytes = std::int64_t{512} << 20;
// A disk that is full is left alone for so long.
constexpr std::chrono::seconds kPauseAfterFailure{30};

}  // namespace

DiskTier::Bytes::Bytes(std::vector<std::byte> bytes, std::atomic<std::int64_t>& total)
    : bytes_(std::move(bytes)), total_(&total) {
  *total_ += std::ssize(bytes_);
}

DiskTier::Bytes::~Bytes() {
  if (total_) *total_ -= std::ssize(bytes_);
}

DiskTier::Bytes::Bytes(Bytes&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), total_(std::exchange(other.total_, nullptr)) {}

DiskTier::Bytes& DiskTier::Bytes::operator=(Bytes&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(total_, other.total_);
  return *this;
}

DiskTier::DiskTier(DiskStore& store, std::string model, DiskStore::Warn warn)
    : store_(store),
      model_(std::move(model)),
      warn_(std::move(warn)),
      writer_([this] { work(); }) {}

DiskTier::~DiskTier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

std::string DiskTier::name_of(Stored kind, const Digest& key) const {
  const auto number = static_cast<std::uint8_t>(kind);
  return Checksum()
      .add(model_)
      .add(std::as_bytes(std::span(&number, 1)))
      .add(std::as_bytes(std::span(&key, 1)))
      .hex();
}

Digest DiskTier::tagged(Stored kind, const Digest& key) {
  return {key.high ^ static_cast<std::uint64_t>(kind), key.low};
}

bool DiskTier::resident(Stored kind, const Digest& key) const {
  const std::lock_guard lock(mutex_);
  return residents_.contains(tagged(kind, key));
}

void DiskTier::note_resident(Stored kind, const Digest& key) {
  const std::lock_guard lock(mutex_);
  residents_.insert(tagged(kind, key));
}

void DiskTier::note_dropped(Stored kind, const Digest& key) {
  const std::lock_guard lock(mutex_);
  residents_.erase(tagged(kind, key));
}

bool DiskTier::has(Stored kind, const Digest& key) const {
  return store_.has(name_of(kind, key));
}

DiskTier::Bytes DiskTier::read(Stored kind, const Digest& key) {
  const std::string name = name_of(kind, key);
  const std::int64_t size = store_.size(name);
  if (size == 0 || staged_bytes_ + size > kMaxStagedBytes) return {};
  auto bytes = store_.read(name);
  if (!bytes) return {};
  ++reads_;
  return {std::move(*bytes), staged_bytes_};
}

bool DiskTier::wants(Stored kind, const Digest& key, std::int64_t bytes) {
  const std::string name = name_of(kind, key);
  if (store_.has(name)) return false;
  const std::lock_guard lock(mutex_);
  if (waiting_.contains(name)) return false;
  const bool room = waiting_bytes_ == 0 || waiting_bytes_ + bytes <= kMaxWaitingBytes;
  if (room && std::chrono::steady_clock::now() >= paused_until_) return true;
  ++skipped_;
  return false;
}

void DiskTier::write(Stored kind, const Digest& key, std::vector<std::byte> bytes) {
  {
    const std::lock_guard lock(mutex_);
    std::string name = name_of(kind, key);
    if (!waiting_.insert(name).second) return;
    waiting_bytes_ += std::ssize(bytes);
    jobs_.push_back({std::move(name), std::move(bytes)});
  }
  changed_.notify_all();
}

void DiskTier::write_now(const Job& job) {
  try {
    if (store_.write(job.name, job.bytes)) ++writes_;
  } catch (const std::exception& error) {
    ++skipped_;
    warn_(fmt::format("{}; nothing is written to the cache on the disk for {} s", error.what(),
                      kPauseAfterFailure.count()));
    const std::lock_guard lock(mutex_);
    paused_until_ = std::chrono::steady_clock::now() + kPauseAfterFailure;
    // What else waits has no better chance.
    for (const Job& other : jobs_) {
      ++skipped_;
      waiting_.erase(other.name);
      waiting_bytes_ -= std::ssize(other.bytes);
    }
    jobs_.clear();
  }
}

void DiskTier::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    write_now(job);
    lock.lock();
    waiting_.erase(job.name);
    waiting_bytes_ -= std::ssize(job.bytes);
    changed_.notify_all();
  }
}

void DiskTier::clear() {
  {
    std::unique_lock lock(mutex_);
    for (const Job& job : jobs_) {
      waiting_.erase(job.name);
      waiting_bytes_ -= std::ssize(job.bytes);
    }
    jobs_.clear();
    // The one in hand would come back.
    changed_.wait(lock, [&] { return waiting_.empty(); });
  }
  store_.clear();
}

}  // namespace saccade::engine
