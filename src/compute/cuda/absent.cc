// In the place of the CUDA backend, where it is not built.
#include "base/error.h"
#include "compute/cuda/cuda.h"

namespace saccade::compute::cuda {

std::unique_ptr<Device> make_cuda_device(const CudaOptions&) {
  fail(
      "this saccade was built without CUDA; build it where the CUDA toolkit is installed "
      "(-DSACCADE_CUDA=ON), or use --device cpu");
}

std::vector<DeviceInfo> list_cuda_devices() {
  return {};
}

}  // namespace saccade::compute::cuda
