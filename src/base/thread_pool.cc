#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>

#include "base/error.h"

namespace saccade {
namespace {

// About 50 microseconds: longer than the gap between two loops of a step, far shorter than what a
// person or a power meter would notice after the last one.
constexpr int kSpins = 4000;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

int available_cores() {
#ifdef __linux__
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ThreadPool::ThreadPool(int num_threads) {
  if (num_threads < 1 || num_threads > 1024) {
    fail_usage("threads: wanted a number from 1 to 1024, found {}", num_threads);
  }
  taken_ = std::make_unique<Taken[]>(num_threads);
  workers_.reserve(num_threads - 1);
  for (int i = 1; i < num_threads; ++i) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(sleep_mutex_);
    stopping_ = true;
    generation_.fetch_add(1, std::memory_order_seq_cst);
  }
  wake_.notify_all();
}

// A loop is open while generation_ is odd. A worker counts itself as busy before it looks whether
// there is an open loop, and the caller closes the loop before it looks who is busy, both in the
// one order that all threads see: so either the worker finds the loop closed and stays out, or the
// caller waits for it. Nobody waits for a worker that has not come: where other programs want the
// processor it may not run for milliseconds, and its items have been done by then.
void ThreadPool::run(std::int64_t count, Call call, void* self) {
  if (count <= 0) return;
  if (workers_.empty() || count == 1) {
    for (std::int64_t i = 0; i < count; ++i) call(self, i);
    return;
  }
  call_ = call;
  self_ = self;
  count_ = count;
  error_ = nullptr;
  next_.store(0, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    std::lock_guard lock(sleep_mutex_);
    wake_.notify_all();
  }
  drain();
  generation_.fetch_add(1, std::memory_order_seq_cst);
  // A worker that is long with its last item may be waiting for this thread's core.
  for (int spin = 0; busy_.load(std::memory_order_seq_cst) > 0; ++spin) {
    spin < kSpins ? pause_briefly() : std::this_thread::yield();
  }
  if (error_) std::rethrow_exception(error_);
}

void ThreadPool::drain() {
  for (;;) {
    const std::int64_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= count_) return;
    try {
      call_(self_, index);
    } catch (...) {
      std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
}

void ThreadPool::work() {
  std::uint32_t seen = 0;
  const auto is_new = [&](std::uint32_t generation) {
    return generation % 2 == 1 && generation != seen;
  };
  for (;;) {
    std::uint32_t generation = generation_.load(std::memory_order_acquire);
    for (int spin = 0; spin < kSpins && !is_new(generation); ++spin) {
      pause_briefly();
      generation = generation_.load(std::memory_order_acquire);
    }
    if (!is_new(generation)) {
      std::unique_lock lock(sleep_mutex_);
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      // Whatever has come meanwhile may be over already, but more will follow.
      wake_.wait(lock, [&] { return generation_.load(std::memory_order_seq_cst) != generation; });
      sleepers_.fetch_sub(1, std::memory_order_seq_cst);
    }
    busy_.fetch_add(1, std::memory_order_seq_cst);
    generation = generation_.load(std::memory_order_seq_cst);
    if (stopping_) return;
    if (is_new(generation)) {
      seen = generation;
      drain();
    }
    busy_.fetch_sub(1, std::memory_order_seq_cst);
  }
}

}  // namespace saccade
