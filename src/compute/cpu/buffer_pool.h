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
/// When a size is asked for that is not there, the work has become another: buffers that were of no
/// use lately then go back to the system, large ones soon, or pictures and prompts of ever new
/// sizes would fill the memory. Thread-safe. Buffers may outlive the pool object.
class BufferPool {
 public:
  /// Requests during which a free buffer is kept without being taken: more than a layer makes for a
  /// large one, some dozens of steps for others.
  static constexpr std::int64_t kLargeAge = 32;
  static constexpr std::int64_t kSmallAge = std::int64_t{1} << 15;

  /// At least `bytes`, aligned for vectors, contents undefined; free again when nobody else holds
  /// it. Takes no memory from the system, not even for the pointer, when there is a free one.
  std::shared_ptr<void> take(std::int64_t bytes);

 private:
  struct Buffer {
    std::shared_ptr<void> data;  // free when only the pool holds it
    std::int64_t taken;          // the request that took it last

    bool free() const { return data.use_count() == 1; }
  };

  void drop_unused();

  std::mutex mutex_;
  std::map<std::int64_t, std::vector<Buffer>> buffers_;  // all of them, by size class
  std::int64_t requests_ = 0;
};

}  // namespace saccade::compute::cpu
