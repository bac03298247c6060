// The kernels of stream_gemv.h that there are.
#pragma once

#include <span>

#include "compute/gpu/kernels/kernels.h"

namespace saccade::compute::cuda::stream {

struct StreamKernel {
  saccade::gpu::CodeKind codes;
  saccade::gpu::ScaleKind scales;
  saccade::gpu::NumberKind numbers;
  std::uint32_t low_words, high_words;     ///< of a chunk's codes
  std::uint32_t group_bytes, chunk_bytes;  ///< of a group's and of a chunk's scales
  std::uint32_t unit_bytes;                ///< of the inputs of a chunk in shared memory
  const void* entry;
};

std::span<const StreamKernel> stream_kernels();

}  // namespace saccade::compute::cuda::stream
