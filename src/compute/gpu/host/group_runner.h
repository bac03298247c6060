// One thread group at a time: its threads as fibers.
#pragma once

#include <boost/context/fiber.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "compute/gpu/host/executor.h"

namespace saccade::compute::gpu {

using saccade::gpu::Group;
using saccade::gpu::HostGroup;
using saccade::gpu::kLanes;

/// Fibers are kept from group to group. Each runs threads that have not begun, one after another,
/// until one has to wait for others; then another fiber goes on. So a group without barriers and
/// shuffles runs on one fiber.
class GroupRunner : public HostGroup {
 public:
  explicit GroupRunner(TurnOrder order);
  ~GroupRunner();
  GroupRunner(const GroupRunner&) = delete;
  GroupRunner& operator=(const GroupRunner&) = delete;

  /// Throws Error.
  void run(const char* name, HostExecutor::Body body, const Grid& grid, const HostGroup& place,
           const void* args);

  // Called by fibers.
  void wait_at_barrier(std::uint32_t thread);
  std::uint32_t exchange(std::uint32_t thread, std::uint32_t value, std::uint32_t source_lane);

 private:
  struct Fiber;
  enum class Stand : std::uint8_t { kNotBegun, kRunning, kAtBarrier, kAtShuffle, kEnded };
  struct Thread {
    Stand stand = Stand::kNotBegun;
    Fiber* fiber = nullptr;
    std::uint32_t value = 0;  // what it gives to a shuffle
    std::uint32_t source = 0;
    std::uint32_t taken = 0;  // what it gets
  };

  void begin_threads();
  bool pass_shuffles(std::uint32_t warp);
  bool pass_barrier();
  void abandon();
  void go_on(std::uint32_t thread);
  std::string who_waits() const;

  Fiber& idle_fiber();
  void fiber_main(Fiber& fiber);
  void resume(Fiber& fiber);
  void suspend(Fiber& fiber);
  std::uint32_t turn(std::uint32_t index, std::uint32_t count) const {
    return order_ == TurnOrder::kForward ? index : count - 1 - index;
  }

  TurnOrder order_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  boost::context::fiber scheduler_;  // where fibers return to
  void* scheduler_memory_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_bytes_ = 0;

  // The group in hand.
  HostExecutor::Body body_ = nullptr;
  const void* args_ = nullptr;
  std::unique_ptr<std::byte[]> shared_;
  std::size_t shared_bytes_ = 0;
  std::vector<Thread> threads_of_group_;
  std::uint32_t next_ = 0;   // the next thread to begin
  std::uint32_t ended_ = 0;  // threads that have ended
  bool abandoning_ = false;
  bool stopping_ = false;
};

}  // namespace saccade::compute::gpu
