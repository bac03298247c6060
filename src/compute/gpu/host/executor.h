// Runs the shared GPU kernels on the host: how every kernel is tested without a GPU.
#pragma once

#include <memory>

#include "base/thread_pool.h"
#include "compute/gpu/kernel_table.h"

namespace saccade::compute::gpu {

/// In which order the threads of a group, and the groups of a grid, take their turns. What a kernel
/// computes may not depend on it; a missing barrier mostly makes it so.
enum class TurnOrder { kForward, kBackward };

/// Runs launches one at a time. The groups of a launch share nothing but device memory and may run
/// on several host threads; the threads of one group are fibers that take turns at barriers and
/// shuffles. A thread that never waits for others costs a function call.
///
/// Stricter than a GPU: shared memory starts as NaNs; a barrier that some thread of the group never
/// reaches, a shuffle from a lane that is absent or has ended, a warp whose lanes wait for
/// different things and a write past the shared memory are errors.
class HostExecutor {
 public:
  /// Runs groups on `threads`, which must outlive the executor; on the caller's thread if null.
  explicit HostExecutor(ThreadPool* threads = nullptr, TurnOrder order = TurnOrder::kForward);
  ~HostExecutor();
  HostExecutor(const HostExecutor&) = delete;
  HostExecutor& operator=(const HostExecutor&) = delete;

  /// `args` is a KernelArgs<kernel>. Throws Error naming kernel and group if the kernel breaks a
  /// rule above or the grid has too many threads or too much shared memory.
  void run(Kernel kernel, const Grid& grid, const void* args);

  template <Kernel kernel>
  void run(const Grid& grid, const KernelArgs<kernel>& args) {
    run(kernel, grid, static_cast<const void*>(&args));
  }

  /// For kernels that are in no table: `body` is called with `args`, as a table's kernel is.
  using Body = void (*)(const void* args, saccade::gpu::u8* shared, saccade::gpu::Group group);
  void run(const char* name, Body body, const Grid& grid, const void* args);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What a thread group may have of shared memory on an H200 (CUDA 13 programming guide, compute
/// capability 9.0), the most of the GPUs we know.
inline constexpr std::uint32_t kMaxSharedBytes = 227 * 1024;

}  // namespace saccade::compute::gpu
