// Large buffers of a GPU side by side in one range of addresses.
#pragma once

#include <cstdint>
#include <memory>

namespace saccade::compute::cuda {

/// Memory that grows at its end. cudaMalloc gives whole pages of 2 MiB to each buffer, which on the
/// weights of a vision-language model comes to 300 MiB of nothing, and buffers that are kept for
/// later hold only what is not larger than they are. Here addresses are reserved at first, for as
/// much as the GPU has, and memory is put behind them as it is needed; a request gets the first
/// free range that holds it, and neighbouring free ranges are one.
///
/// A range may be handed out again while operations on it are still under way, as in MemoryPool.
/// Buffers may outlive the object, and any thread may let go of them.
class Arena {
 public:
  /// Of the current GPU. Takes no memory yet.
  Arena();

  /// `bytes`, aligned to 256, or null: where there is no memory left or no way to reserve
  /// addresses.
  std::shared_ptr<void> take(std::int64_t bytes);
  /// Gives what is free at the end back to the GPU. Everything under way must be done.
  void trim();

 private:
  class Range;
  std::shared_ptr<Range> range_;
};

}  // namespace saccade::compute::cuda
