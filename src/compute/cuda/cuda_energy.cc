// The energy that an NVIDIA GPU reports, through its management library (NVML).
#include <dlfcn.h>

#include <array>
#include <memory>

#include "compute/cuda/cuda_device.h"

namespace saccade::compute::cuda {
namespace {

// NVML's own header is a package apart; of its interface this is what is needed. 0 is success.
using NvmlHandle = struct NvmlDevice*;
using NvmlInit = int (*)();
using NvmlByBusId = int (*)(const char*, NvmlHandle*);
using NvmlTotalEnergy = int (*)(NvmlHandle, unsigned long long*);

template <typename Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(::dlsym(library, name));
}

}  // namespace

/// A GPU's counter of millijoules since its driver was loaded (Volta and later).
class CudaDevice::EnergyMeter {
 public:
  /// Not available where the driver's library is not, or does not know the GPU.
  explicit EnergyMeter(int device) {
    std::array<char, 32> bus_id{};
    if (::cudaDeviceGetPCIBusId(bus_id.data(), bus_id.size(), device) != cudaSuccess) return;
    // Comes with the driver. It stays loaded: another meter may be using it.
    void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    const auto init = symbol<NvmlInit>(library, "nvmlInit_v2");
    const auto by_bus_id = symbol<NvmlByBusId>(library, "nvmlDeviceGetHandleByPciBusId_v2");
    total_energy_ = symbol<NvmlTotalEnergy>(library, "nvmlDeviceGetTotalEnergyConsumption");
    if (!init || !by_bus_id || init() != 0 || by_bus_id(bus_id.data(), &handle_) != 0) {
      total_energy_ = nullptr;
    }
  }

  std::optional<Energy> read() const {
    unsigned long long millijoules = 0;
    if (!total_energy_ || total_energy_(handle_, &millijoules) != 0) return std::nullopt;
    return Energy{1e-3 * static_cast<double>(millijoules), "NVML, the whole GPU"};
  }

 private:
  NvmlTotalEnergy total_energy_ = nullptr;
  NvmlHandle handle_ = nullptr;
};

std::optional<Energy> CudaDevice::energy() {
  if (!energy_meter_) {
    int device = 0;
    make_current();
    if (::cudaGetDevice(&device) != cudaSuccess) return std::nullopt;
    energy_meter_ = std::make_shared<const EnergyMeter>(device);
  }
  return energy_meter_->read();
}

}  // namespace saccade::compute::cuda
