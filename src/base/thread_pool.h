// A fixed set of worker threads for data-parallel loops.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace saccade {

/// Runs loops over [0, count) on a fixed number of threads, the caller's among them.
///
/// Work items are handed out one by one, so uneven items balance; which thread runs which item is
/// not fixed, so an item must not depend on it. Workers spin for a moment between loops, because a
/// decode step is hundreds of loops a few microseconds apart, and then sleep.
class ThreadPool {
 public:
  /// `num_threads` >= 1 counts the calling thread; throws Error otherwise.
  explicit ThreadPool(int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(index) for every index in [0, count) and returns when all are done. The first
  /// exception thrown by a body is rethrown here. One loop at a time; loops do not nest.
  template <typename Body>
  void parallel_for(std::int64_t count, Body&& body) {
    using Callable = std::remove_reference_t<Body>;
    run(
        count, [](void* self, std::int64_t index) { (*static_cast<Callable*>(self))(index); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

  /// Calls body(range, slice) for each of `slices` slices of num_threads() ranges, as parallel_for
  /// does. A thread goes through a range from its first slice to its last, so that it reads memory
  /// in one long stream, and then helps with the ranges of those that are slower.
  template <typename Body>
  void parallel_ranges(std::int64_t slices, Body&& body) {
    const int ranges = num_threads();
    for (int range = 0; range < ranges; ++range) {
      taken_[range].slices.store(0, std::memory_order_relaxed);
    }
    parallel_for(ranges, [&](std::int64_t first) {
      for (int i = 0; i < ranges; ++i) {
        const std::int64_t range = (first + i) % ranges;
        std::atomic<std::int64_t>& taken = taken_[range].slices;
        while (taken.load(std::memory_order_relaxed) < slices) {
          const std::int64_t slice = taken.fetch_add(1, std::memory_order_relaxed);
          if (slice < slices) body(range, slice);
        }
      }
    });
  }

 private:
  /// How many slices of a range are taken; on a cache line of its own.
  struct alignas(64) Taken {
    std::atomic<std::int64_t> slices;
  };

  using Call = void (*)(void*, std::int64_t);

  void run(std::int64_t count, Call call, void* self);
  void work();
  void drain();

  std::vector<std::jthread> workers_;
  std::unique_ptr<Taken[]> taken_;

  // The loop in hand. Written before generation_ is advanced, read by workers after they see it.
  Call call_ = nullptr;
  void* self_ = nullptr;
  std::int64_t count_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::atomic<int> busy_{0};
  std::exception_ptr error_;
  std::mutex error_mutex_;

  std::atomic<std::uint32_t> generation_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int> sleepers_{0};
  std::mutex sleep_mutex_;
  std::condition_variable wake_;
};

/// The number of cores this process may run on.
int available_cores();

}  // namespace saccade
