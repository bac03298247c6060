#include "compute/cpu/buffer_pool.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "compute/cpu/packed_matrix.h"

namespace saccade::compute::cpu {
namespace {

constexpr std::uint64_t kLarge = 1 << 20;

/// Sizes are rounded up to one of four steps between powers of two, large ones to one of 32, so at
/// most a fifth is wasted, and of what counts a thirtieth.
std::int64_t size_class(std::int64_t bytes) {
  const std::uint64_t wanted = bytes < 256 ? 256 : static_cast<std::uint64_t>(bytes);
  const std::uint64_t step = std::bit_floor(wanted - 1) / (wanted > kLarge ? 32 : 4);
  return static_cast<std::int64_t>((wanted + step - 1) / step * step);
}

// Free ones per size class; more would be memory held for a burst that has passed.
constexpr std::size_t kMaxFree = 16;

bool is_free(const std::shared_ptr<void>& buffer) {
  return buffer.use_count() == 1;
}

}  // namespace

std::shared_ptr<void> BufferPool::take(std::int64_t bytes) {
  const std::int64_t size = size_class(bytes);
  std::lock_guard lock(mutex_);
  auto& buffers = buffers_[size];
  const auto found = std::ranges::find_if(buffers, is_free);
  if (found != buffers.end()) {
    // Whoever let go of it has done so before what is written to it next.
    std::atomic_thread_fence(std::memory_order_acquire);
    std::shared_ptr<void> buffer = *found;
    std::size_t free = 0;
    std::erase_if(buffers, [&](const auto& other) { return is_free(other) && ++free > kMaxFree; });
    return buffer;
  }
  buffers.push_back(allocate_aligned(size));
  return buffers.back();
}

}  // namespace saccade::compute::cpu
