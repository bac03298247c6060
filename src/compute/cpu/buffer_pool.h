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
  BufferPool();

  /// At least `bytes`, aligned for vectors, contents undefined; goes back to the pool by itself.
  std::shared_ptr<void> take(std::int64_t bytes);

 private:
  struct Shelf {
    std::mutex mutex;
    std::map<std::int64_t, std::vector<std::shared_ptr<void>>> free;  // by size class
  };
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace saccade::compute::cpu
