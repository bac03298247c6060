#include "compute/cpu/buffer_pool.h"

#include <bit>

#include "compute/cpu/packed_matrix.h"

namespace saccade::compute::cpu {
namespace {

/// Sizes are rounded up to one of four steps between powers of two, so at most a fifth is wasted.
std::int64_t size_class(std::int64_t bytes) {
  const std::uint64_t wanted = bytes < 256 ? 256 : static_cast<std::uint64_t>(bytes);
  const std::uint64_t step = std::bit_floor(wanted - 1) / 4;
  return static_cast<std::int64_t>((wanted + step - 1) / step * step);
}

// Per size class; more would be memory held for a burst that has passed.
constexpr std::size_t kMaxShelved = 16;

}  // namespace

BufferPool::BufferPool() : shelf_(std::make_shared<Shelf>()) {}

std::shared_ptr<void> BufferPool::take(std::int64_t bytes) {
  const std::int64_t size = size_class(bytes);
  std::shared_ptr<void> memory;
  {
    std::lock_guard lock(shelf_->mutex);
    auto& free = shelf_->free[size];
    if (!free.empty()) {
      memory = std::move(free.back());
      free.pop_back();
    }
  }
  if (!memory) memory = allocate_aligned(size);
  void* address = memory.get();
  return {address, [memory = std::move(memory), shelf = shelf_, size](void*) mutable {
            std::lock_guard lock(shelf->mutex);
            auto& free = shelf->free[size];
            if (free.size() < kMaxShelved) free.push_back(std::move(memory));
          }};
}

}  // namespace saccade::compute::cpu
