#include "compute/gpu/host/executor.h"

#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "compute/gpu/host/group_runner.h"

namespace saccade::compute::gpu {
namespace {

template <typename Args, void (*body)(const Args&, saccade::gpu::u8*, Group)>
void call(const void* args, saccade::gpu::u8* shared, Group group) {
  body(*static_cast<const Args*>(args), shared, group);
}

struct HostKernel {
  const char* name;
  HostExecutor::Body body;
  std::uint32_t max_threads;
};

const HostKernel& host_kernel(Kernel kernel) {
  using namespace saccade::gpu;  // as the table's own names
  static constexpr HostKernel kKernels[] = {
#define SACCADE_GPU_HOST_KERNEL(name, body, args, threads) {#name, call<args, body>, threads},
      SACCADE_GPU_KERNELS(SACCADE_GPU_HOST_KERNEL)
#undef SACCADE_GPU_HOST_KERNEL
  };
  return kKernels[static_cast<std::size_t>(kernel)];
}

}  // namespace

struct HostExecutor::State {
  ThreadPool* threads;
  TurnOrder order;
  std::mutex mutex;
  std::vector<std::unique_ptr<GroupRunner>> idle;  // guarded by mutex

  std::unique_ptr<GroupRunner> take() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return std::make_unique<GroupRunner>(order);
    std::unique_ptr<GroupRunner> runner = std::move(idle.back());
    idle.pop_back();
    return runner;
  }
  void give(std::unique_ptr<GroupRunner> runner) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(runner));
  }
};

HostExecutor::HostExecutor(ThreadPool* threads, TurnOrder order)
    : state_(std::make_unique<State>()) {
  state_->threads = threads;
  state_->order = order;
}

HostExecutor::~HostExecutor() = default;

void HostExecutor::run(Kernel kernel, const Grid& grid, const void* args) {
  const HostKernel& host = host_kernel(kernel);
  if (grid.threads > host.max_threads) {
    fail("kernel {}: wanted at most {} threads in a group, found {}", host.name, host.max_threads,
         grid.threads);
  }
  run(host.name, host.body, grid, args);
}

void HostExecutor::run(const char* name, Body body, const Grid& grid, const void* args) {
  if (grid.threads < 1 || grid.threads > 1024) {
    fail("kernel {}: wanted 1 to 1024 threads in a group, found {}", name, grid.threads);
  }
  if (grid.shared_bytes > kMaxSharedBytes) {
    fail("kernel {}: wanted at most {} bytes of shared memory, found {}", name, kMaxSharedBytes,
         grid.shared_bytes);
  }
  const std::int64_t groups = static_cast<std::int64_t>(grid.x) * grid.y * grid.z;
  const auto run_group = [&](std::int64_t index) {
    const auto turn = static_cast<std::uint64_t>(
        state_->order == TurnOrder::kForward ? index : groups - 1 - index);
    const HostGroup place = {static_cast<std::uint32_t>(turn % grid.x),
                             static_cast<std::uint32_t>(turn / grid.x % grid.y),
                             static_cast<std::uint32_t>(turn / grid.x / grid.y), grid.x,
                             grid.threads};
    std::unique_ptr<GroupRunner> runner = state_->take();
    runner->run(name, body, grid, place, args);
    state_->give(std::move(runner));
  };
  if (state_->threads) {
    state_->threads->parallel_for(groups, run_group);
  } else {
    for (std::int64_t i = 0; i < groups; ++i) run_group(i);
  }
}

}  // namespace saccade::compute::gpu
