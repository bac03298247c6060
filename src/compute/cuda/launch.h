// Launches of the shared kernels on a CUDA stream.
#pragma once

#include <cuda_runtime_api.h>

#include "compute/gpu/kernel_table.h"

namespace saccade::compute::cuda {

/// Launches a kernel of the table with its KernelArgs. It may start while the launch before it ends
/// (programmatic dependent launch): kernels wait themselves before they read what others wrote.
cudaError_t launch(gpu::Kernel kernel, const gpu::Grid& grid, const void* args,
                   cudaStream_t stream);

}  // namespace saccade::compute::cuda
