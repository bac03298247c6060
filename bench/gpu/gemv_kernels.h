// What gemv_bench.cc needs of kernels.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "compute/gpu/kernel_table.h"

namespace saccade::compute::gpu {

/// To launch; null if this build has no such kernel.
const void* function_of(Kernel kernel);

/// A kernel that only waits for the one before it.
const void* wait_function();

void copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream);

/// Random bits, of which `keep` are kept and `set` are set.
void fill(void* to, std::size_t bytes, std::uint32_t keep, std::uint32_t set);

}  // namespace saccade::compute::gpu
