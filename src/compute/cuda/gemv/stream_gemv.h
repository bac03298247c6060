// One row of activations by 4-bit weights on Hopper: weights stream through shared memory.
//
// The shared kernel (gpu/kernels/gemv.h) keeps the weights that are on their way in registers, 57
// KB of a multiprocessor at most. While it waits for the inputs and quantizes them, memory rests as
// soon as these have come. Here a warp of its own goes on asking for weights, up to 200 KB, and
// lanes keep their inputs in registers. Two neighbouring blocks share the work of quantizing.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "compute/gpu/kernels/gemv.h"

namespace saccade::compute::cuda {

/// Whether there is a kernel for this weight that runs on the current device.
bool stream_gemv_fits(const saccade::gpu::WeightView& weight);

/// Multiplies `rows` rows, each for itself. args.tiling is not used. The order of a result's sum
/// depends on the shape of the weights and the device alone.
cudaError_t stream_gemv(cudaStream_t stream, const saccade::gpu::GemvArgs& args, std::uint32_t rows,
                        int processors);

}  // namespace saccade::compute::cuda
