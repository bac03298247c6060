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

void BufferPool::forget_old() {
  for (auto& [size, buffers] : buffers_) {
    std::erase_if(buffers, [&](const Kept& kept) {
      return is_free(kept.buffer) && takes_ - kept.taken > kOldAfter;
    });
  }
}

std::int64_t BufferPool::free_bytes() {
  const std::lock_guard lock(mutex_);
  std::int64_t bytes = 0;
  for (const auto& [size, buffers] : buffers_) {
    for (const Kept& kept : buffers) bytes += is_free(kept.buffer) ? size : 0;
  }
  return bytes;
}

std::shared_ptr<void> BufferPool::take(std::int64_t bytes) {
  const std::int64_t size = size_class(bytes);
  std::lock_guard lock(mutex_);
  ++takes_;
  auto& buffers = buffers_[size];
  const auto found = std::ranges::find_if(buffers, is_free, &Kept::buffer);
  if (found != buffers.end()) {
    // Whoever let go of it has done so before what is written to it next.
    std::atomic_thread_fence(std::memory_order_acquire);
    std::shared_ptr<void> buffer = found->buffer;
    found->taken = takes_;
    std::size_t free = 0;
    std::erase_if(buffers,
                  [&](const Kept& other) { return is_free(other.buffer) && ++free > kMaxFree; });
    return buffer;
  }
  forget_old();
  buffers.push_back({allocate_aligned(size), takes_});
  return buffers.back().buffer;
}

}  // namespace saccade::compute::cpu
