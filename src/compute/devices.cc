#include "compute/devices.h"

#include <charconv>
#include <string_view>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cuda/cuda.h"

namespace saccade::compute {
namespace {

std::unique_ptr<Device> make_cpu_device(const DeviceOptions& options) {
  return std::make_unique<cpu::CpuDevice>(
      cpu::CpuOptions{options.threads, options.instruction_set, !options.exact});
}

/// The number in "cuda:N", 0 in "cuda".
int cuda_index(std::string_view name) {
  constexpr std::string_view kPrefix = "cuda:";
  if (name == "cuda") return 0;
  int index = -1;
  if (name.starts_with(kPrefix)) {
    const std::string_view digits = name.substr(kPrefix.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error != std::errc() || end != digits.data() + digits.size()) index = -1;
  }
  if (index < 0) fail_usage("device: wanted auto, cpu, cuda or cuda:N, found \"{}\"", name);
  return index;
}

}  // namespace

std::unique_ptr<Device> make_device(const DeviceOptions& options) {
  if (options.device == "cpu") return make_cpu_device(options);
  if (options.device == "auto") {
    // Whoever names an instruction set or a number of threads means the CPU.
    const bool means_cpu = options.threads > 0 || !options.instruction_set.empty();
    if (means_cpu || cuda::list_cuda_devices().empty()) return make_cpu_device(options);
    return cuda::make_cuda_device({0, options.exact, options.batch_invariant});
  }
  const int index = cuda_index(options.device);
  if (options.threads > 0) {
    fail_usage("threads: {} does not compute with the processor's; leave --threads out",
               options.device);
  }
  return cuda::make_cuda_device({index, options.exact, options.batch_invariant});
}

std::vector<DeviceInfo> list_devices(const DeviceOptions& options) {
  std::vector<DeviceInfo> devices = {make_cpu_device(options)->info()};
  for (DeviceInfo& gpu : cuda::list_cuda_devices()) devices.push_back(std::move(gpu));
  return devices;
}

}  // namespace saccade::compute
