#include "compute/cpu/buffer_pool.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "compute/cpu/mapped_memory.h"

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

}  // namespace

std::shared_ptr<void> BufferPool::take(std::int64_t bytes) {
  const std::int64_t size = size_class(bytes);
  std::lock_guard lock(mutex_);
  ++requests_;
  auto& buffers = buffers_[size];
  const auto found = std::ranges::find_if(buffers, &Buffer::free);
  if (found != buffers.end()) {
    // Whoever let go of it has done so before what is written to it next.
    std::atomic_thread_fence(std::memory_order_acquire);
    found->taken = requests_;
    std::shared_ptr<void> data = found->data;
    std::size_t free = 0;
    std::erase_if(buffers, [&](const Buffer& other) { return other.free() && ++free > kMaxFree; });
    return data;
  }
  drop_unused();
  buffers.push_back({allocate_aligned(size), requests_});
  return buffers.back().data;
}

void BufferPool::drop_unused() {
  for (auto& [size, buffers] : buffers_) {
    const std::int64_t age = size < static_cast<std::int64_t>(kLarge) ? kSmallAge : kLargeAge;
    std::erase_if(buffers, [&](const Buffer& buffer) {
      return buffer.free() && requests_ - buffer.taken > age;
    });
  }
}

}  // namespace saccade::compute::cpu
