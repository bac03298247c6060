#include "compute/gpu/host/group_runner.h"

#include <boost/context/preallocated.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define SACCADE_ASAN_FIBERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SACCADE_ASAN_FIBERS 1
#endif
#endif
#if defined(SACCADE_ASAN_FIBERS)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace saccade::compute::gpu {
namespace {

// Shared memory begins as this, and so does what lies behind it: a NaN in every float type, and an
// index that no array has.
constexpr int kUnwritten = 0xff;
constexpr std::size_t kGuardBytes = 256;

// Sanitizers put red zones around every variable.
#if defined(SACCADE_ASAN_FIBERS)
constexpr std::size_t kStackBytes = 256 * 1024;
#else
constexpr std::size_t kStackBytes = 64 * 1024;
#endif

/// AddressSanitizer must know which stack is in use.
void leave_stack([[maybe_unused]] void** memory, [[maybe_unused]] const void* stack,
                 [[maybe_unused]] std::size_t bytes) {
#if defined(SACCADE_ASAN_FIBERS)
  __sanitizer_start_switch_fiber(memory, stack, bytes);
#endif
}
void arrive_on_stack([[maybe_unused]] void* memory, [[maybe_unused]] const void** old_stack,
                     [[maybe_unused]] std::size_t* old_bytes) {
#if defined(SACCADE_ASAN_FIBERS)
  __sanitizer_finish_switch_fiber(memory, old_stack, old_bytes);
#endif
}

/// Stacks of fibers, given back without the marks that AddressSanitizer put around their variables:
/// whoever is given the memory next would stumble over them.
class FiberStacks {
 public:
  boost::context::stack_context allocate() { return stacks_.allocate(); }
  void deallocate(boost::context::stack_context& stack) noexcept {
#if defined(SACCADE_ASAN_FIBERS)
    // The lowest page may not be touched, but has no marks either.
    ASAN_UNPOISON_MEMORY_REGION(static_cast<std::byte*>(stack.sp) - stack.size, stack.size);
#endif
    stacks_.deallocate(stack);
  }

 private:
  boost::context::protected_fixedsize_stack stacks_{kStackBytes};
};

/// Unwinds a fiber whose group has failed.
struct Abandoned {};

}  // namespace

struct GroupRunner::Fiber {
  boost::context::fiber context;  // while it does not run
  void* memory = nullptr;         // AddressSanitizer's
  const void* stack = nullptr;
  std::size_t stack_bytes = 0;
};

GroupRunner::GroupRunner(TurnOrder order) : order_(order) {}

GroupRunner::~GroupRunner() {
  stopping_ = true;
  for (const auto& fiber : fibers_) resume(*fiber);
}

void GroupRunner::run(const char* name, HostExecutor::Body body, const Grid& grid,
                      const HostGroup& place, const void* args) {
  static_cast<HostGroup&>(*this) = place;
  body_ = body;
  args_ = args;
  if (!shared_ || shared_bytes_ != grid.shared_bytes) {
    shared_bytes_ = grid.shared_bytes;
    shared_ = std::make_unique<std::byte[]>(shared_bytes_ + kGuardBytes);
  }
  std::memset(shared_.get(), kUnwritten, shared_bytes_ + kGuardBytes);
  threads_of_group_.assign(threads, Thread());
  next_ = 0;
  ended_ = 0;
  try {
    begin_threads();
    while (ended_ < threads) {
      bool moved = false;
      const std::uint32_t warps = (threads + kLanes - 1) / kLanes;
      for (std::uint32_t w = 0; w < warps; ++w) {
        while (pass_shuffles(turn(w, warps))) moved = true;
      }
      if (!moved && !pass_barrier()) fail("{}", who_waits());
    }
    const std::byte* guard = shared_.get() + shared_bytes_;
    if (std::any_of(guard, guard + kGuardBytes,
                    [](std::byte b) { return b != std::byte{kUnwritten}; })) {
      fail("wrote past its {} bytes of shared memory", shared_bytes_);
    }
  } catch (const Error& error) {
    abandon();
    fail("kernel {}, group ({}, {}, {}): {}", name, place.x, place.y, place.z, error.what());
  }
}

void GroupRunner::begin_threads() {
  while (next_ < threads) resume(idle_fiber());
}

bool GroupRunner::pass_shuffles(std::uint32_t warp) {
  const std::uint32_t first = warp * kLanes;
  const std::uint32_t end = std::min(first + kLanes, threads);
  bool any = false;
  for (std::uint32_t i = first; i < end; ++i) {
    if (threads_of_group_[i].stand == Stand::kEnded) continue;
    if (threads_of_group_[i].stand != Stand::kAtShuffle) return false;
    any = true;
  }
  if (!any) return false;
  for (std::uint32_t i = first; i < end; ++i) {
    Thread& thread = threads_of_group_[i];
    if (thread.stand != Stand::kAtShuffle) continue;
    const std::uint32_t source = first + thread.source;
    if (thread.source >= kLanes || source >= end) {
      fail("thread {} shuffles from lane {}, which its warp of {} does not have", i, thread.source,
           end - first);
    }
    if (threads_of_group_[source].stand == Stand::kEnded) {
      fail("thread {} shuffles from lane {}, which has ended", i, thread.source);
    }
    thread.taken = threads_of_group_[source].value;
  }
  // A lane may reach its next shuffle before others leave this one.
  std::uint32_t ready = 0;
  for (std::uint32_t i = first; i < end; ++i) {
    if (threads_of_group_[i].stand == Stand::kAtShuffle) ready |= 1u << (i - first);
  }
  for (std::uint32_t i = 0; i < kLanes; ++i) {
    const std::uint32_t lane = turn(i, kLanes);
    if (ready >> lane & 1u) go_on(first + lane);
  }
  return true;
}

bool GroupRunner::pass_barrier() {
  for (const Thread& thread : threads_of_group_) {
    if (thread.stand != Stand::kAtBarrier) return false;
  }
  for (std::uint32_t i = 0; i < threads; ++i) go_on(turn(i, threads));
  return true;
}

/// Unwinds the threads that wait, so that their fibers can be used again.
void GroupRunner::abandon() {
  abandoning_ = true;
  next_ = threads;
  for (Thread& thread : threads_of_group_) {
    if (thread.stand == Stand::kAtBarrier || thread.stand == Stand::kAtShuffle) {
      resume(*thread.fiber);
    }
  }
  abandoning_ = false;
}

void GroupRunner::go_on(std::uint32_t thread) {
  threads_of_group_[thread].stand = Stand::kRunning;
  resume(*threads_of_group_[thread].fiber);
}

std::string GroupRunner::who_waits() const {
  std::string text = "threads wait for each other in vain:";
  const auto count = [&](Stand stand, const char* what) {
    std::uint32_t number = 0;
    std::uint32_t first = 0;
    for (std::uint32_t i = threads; i-- > 0;) {
      if (threads_of_group_[i].stand != stand) continue;
      ++number;
      first = i;
    }
    if (number > 0) text += fmt::format(" {} {} (the first is {}),", number, what, first);
  };
  count(Stand::kAtBarrier, "at a barrier");
  count(Stand::kAtShuffle, "at a shuffle");
  count(Stand::kEnded, "ended");
  text.pop_back();
  return text;
}

void GroupRunner::wait_at_barrier(std::uint32_t thread) {
  threads_of_group_[thread].stand = Stand::kAtBarrier;
  suspend(*threads_of_group_[thread].fiber);
}

std::uint32_t GroupRunner::exchange(std::uint32_t thread, std::uint32_t value,
                                    std::uint32_t source_lane) {
  Thread& self = threads_of_group_[thread];
  self.value = value;
  self.source = source_lane;
  self.stand = Stand::kAtShuffle;
  suspend(*self.fiber);
  return self.taken;
}

GroupRunner::Fiber& GroupRunner::idle_fiber() {
  if (idle_.empty()) {
    Fiber& fiber = *fibers_.emplace_back(std::make_unique<Fiber>());
    FiberStacks stacks;
    const boost::context::stack_context stack = stacks.allocate();
    fiber.stack = static_cast<const std::byte*>(stack.sp) - stack.size;
    fiber.stack_bytes = stack.size;
    fiber.context = boost::context::fiber(
        std::allocator_arg, boost::context::preallocated(stack.sp, stack.size, stack), stacks,
        [this, &fiber](boost::context::fiber&& scheduler) {
          arrive_on_stack(nullptr, &scheduler_stack_, &scheduler_stack_bytes_);
          scheduler_ = std::move(scheduler);
          fiber_main(fiber);
          leave_stack(nullptr, scheduler_stack_, scheduler_stack_bytes_);
          return std::move(scheduler_);
        });
    return fiber;
  }
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  return fiber;
}

void GroupRunner::fiber_main(Fiber& fiber) {
  while (!stopping_) {
    while (next_ < threads) {
      const std::uint32_t index = turn(next_++, threads);
      Thread& thread = threads_of_group_[index];
      thread.stand = Stand::kRunning;
      thread.fiber = &fiber;
      try {
        body_(args_, reinterpret_cast<saccade::gpu::u8*>(shared_.get()), Group{this, index});
      } catch (const Abandoned&) {
        // Its group has failed.
      }
      thread.stand = Stand::kEnded;
      ++ended_;
    }
    idle_.push_back(&fiber);
    suspend(fiber);
  }
}

void GroupRunner::resume(Fiber& fiber) {
  leave_stack(&scheduler_memory_, fiber.stack, fiber.stack_bytes);
  fiber.context = std::move(fiber.context).resume();
  arrive_on_stack(scheduler_memory_, nullptr, nullptr);
}

void GroupRunner::suspend(Fiber& fiber) {
  leave_stack(&fiber.memory, scheduler_stack_, scheduler_stack_bytes_);
  scheduler_ = std::move(scheduler_).resume();
  arrive_on_stack(fiber.memory, &scheduler_stack_, &scheduler_stack_bytes_);
  if (abandoning_) throw Abandoned();
}

}  // namespace saccade::compute::gpu

namespace saccade::gpu {

using saccade::compute::gpu::GroupRunner;

void Group::barrier() const {
  static_cast<GroupRunner*>(host)->wait_at_barrier(index);
}

u32 Group::shuffle(u32 value, u32 source_lane) const {
  return static_cast<GroupRunner*>(host)->exchange(index, value, source_lane);
}

}  // namespace saccade::gpu
