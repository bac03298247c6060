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
/// Thread-safe. Buffers may outlive the pool object.
class BufferPool {
 public:
  /// At least `bytes`, aligned for vectors, contents undefined; free again when nobody else holds
  /// it. Takes no memory from the system, not even for the pointer, when there is a free one.
  std::shared_ptr<void> take(std::int64_t bytes);

 private:
  std::mutex mutex_;
  // By size class, all of them: those that only the pool holds are free.
  std::map<std::int64_t, std::vector<std::shared_ptr<void>>> buffers_;
};

}  // namespace saccade::compute::cpu
