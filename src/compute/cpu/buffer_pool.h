// Recycled memory for activations.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace saccade::compute::cpu {

/// Keeps freed buffers for the next request of about the same size. A step allocates the same sizes
/// again and again; asking the system each time would cost a page fault for every 4 KiB touched.
/// When a new one is allocated, those go that were not taken for long: pictures and prompts of ever
/// new sizes would otherwise leave one of each behind. Thread-safe. Buffers may outlive the pool
/// object.
class BufferPool {
 public:
  /// At least `bytes`, aligned for vectors, contents undefined; free again when nobody else holds
  /// it. Takes no memory from the system, not even for the pointer, when there is a free one.
  std::shared_ptr<void> take(std::int64_t bytes);

  /// Bytes of the buffers that are free.
  std::int64_t free_bytes();

  /// Takes after which a free buffer is old: some dozens of steps of a model, or a few pictures.
  static constexpr std::uint64_t kOldAfter = 1 << 15;

 private:
  struct Kept {
    std::shared_ptr<void> buffer;
    std::uint64_t taken = 0;  // by which take it was last
  };
  void forget_old();

  std::mutex mutex_;
  // By size class, all of them: those that only the pool holds are free.
  std::map<std::int64_t, std::vector<Kept>> buffers_;
  std::uint64_t takes_ = 0;
};

}  // namespace saccade::compute::cpu
