#include "compute/gpu/host/host_gpu_device.h"

#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace saccade::compute::gpu {
namespace {

constexpr std::size_t kAlignment = 256;

}  // namespace

HostGpuDevice::HostGpuDevice(bool exact, TurnOrder order)
    : GpuDevice(exact), executor_(&threads_, order) {}

DeviceInfo HostGpuDevice::info() const {
  return {"host-gpu", "the shared GPU kernels on the processor", 1, "host", {"host"}, 0, 0};
}

std::shared_ptr<void> HostGpuDevice::take_memory(std::int64_t bytes) {
  const std::size_t size = (static_cast<std::size_t>(bytes) / kAlignment + 1) * kAlignment;
  void* memory = std::aligned_alloc(kAlignment, size);
  if (!memory) fail("no memory for a tensor of {} bytes", bytes);
  // Not-a-numbers: what is read before it is written shows.
  std::memset(memory, 0xff, size);
  return {memory, std::free};
}

std::shared_ptr<void> HostGpuDevice::take_lasting_memory(std::int64_t bytes) {
  return take_memory(bytes);
}

void HostGpuDevice::copy_in(void* to, const void* from, std::int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

void HostGpuDevice::copy_out(void* to, const void* from, std::int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

void HostGpuDevice::launch_kernel(Kernel kernel, const Grid& grid, const void* args) {
  if (grid.x > 0 && grid.y > 0 && grid.z > 0) executor_.run(kernel, grid, args);
}

}  // namespace saccade::compute::gpu
