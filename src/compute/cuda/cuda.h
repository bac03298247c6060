// NVIDIA GPUs: what the rest of the program sees of them.
#pragma once

#include <memory>
#include <vector>

#include "compute/device.h"

namespace saccade::compute::cuda {

struct CudaOptions {
  int index = 0;  ///< as CUDA counts the visible GPUs
  bool exact = false;
  bool batch_invariant = false;
};

/// Throws Error when this build has no CUDA, there is no driver or no such GPU, or it is too old.
std::unique_ptr<Device> make_cuda_device(const CudaOptions& options);

/// The GPUs that make_cuda_device can use; none without CUDA or a driver.
std::vector<DeviceInfo> list_cuda_devices();

}  // namespace saccade::compute::cuda
