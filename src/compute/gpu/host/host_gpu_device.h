// A GPU that is not there: the shared kernels as a device, run by the host executor.
#pragma once

#include "base/thread_pool.h"
#include "compute/gpu/gpu_device.h"
#include "compute/gpu/host/executor.h"

namespace saccade::compute::gpu {

/// What GPU backends inherit, with host memory and no matrix units: how the operations' launches
/// are tested without a GPU. Slow.
class HostGpuDevice : public GpuDevice {
 public:
  explicit HostGpuDevice(bool exact, TurnOrder order = TurnOrder::kForward);

  DeviceInfo info() const override;
  std::shared_ptr<void> take_memory(std::int64_t bytes) override;
  std::shared_ptr<void> take_lasting_memory(std::int64_t bytes) override;
  void copy_in(void* to, const void* from, std::int64_t bytes) override;
  void copy_out(void* to, const void* from, std::int64_t bytes) override;

 protected:
  void launch_kernel(Kernel kernel, const Grid& grid, const void* args) override;
  std::int64_t gemv_rows() const override { return 1 << 20; }
  int processors() const override { return 3; }

 private:
  ThreadPool threads_{1};
  HostExecutor executor_;
};

}  // namespace saccade::compute::gpu
