// Errors of the CUDA runtime as Error.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

#include "base/error.h"

namespace saccade::compute::cuda {

/// Throws Error, "[cuda] doing `what`: ...", unless all is well.
inline void check(cudaError_t status, std::string_view what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that can be recovered from does not come up again
  fail("[cuda] {}: {}", what, cudaGetErrorString(status));
}

}  // namespace saccade::compute::cuda
