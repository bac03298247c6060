// One row of activations by 4-bit weights on Hopper: weights stream through shared memory.
//
// The shared kernel (gpu/kernels/gemv.h) keeps the weights that are on their way in registers, 57
// KB of a multiprocessor at most. While it waits for the inputs and quantizes them, memory rests as
// soon as these have come. Here a warp of its own goes on asking for weights, up to 200 KB, and
// lanes that keep their inputs in registers need a third fewer instructions for a weight. Two
// neighbouring blocks share the work of quantizing.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "compute/gpu/kernels/gemv.h"

namespace saccade::compute::cuda {

/// How a launch cuts its work.
struct StreamPlan {
  std::uint32_t blocks;      ///< side by side, for the results of a row
  std::uint32_t cluster;     ///< blocks that share the quantizing of the inputs: 1 or 2
  std::uint32_t rows;        ///< results of a block; the first `extra` have one more
  std::uint32_t extra;       ///<
  std::uint32_t half_warps;  ///< that share a row of weights, a chunk for each lane
  std::uint32_t teams;       ///< of half warps, which work at different rows
  std::uint32_t workers;     ///< warps of the teams
  std::uint32_t warps;       ///< that quantize, at least the workers
  std::uint32_t stages;      ///< of shared memory
  std::uint32_t ahead;       ///< stages that are on their way at a time
  std::uint32_t stage_rows;  ///< of weights
  std::uint32_t stage_bytes;
  std::uint32_t shared_bytes;
};

/// Whether there is a kernel for this weight that runs on the current device.
bool stream_gemv_fits(const saccade::gpu::WeightView& weight);

/// For `n` results of a row; gated as in GemvArgs.
StreamPlan stream_gemv_plan(const saccade::gpu::WeightView& weight, std::uint32_t n, bool gated,
                            int processors);

/// Multiplies `rows` rows, each for itself. args.tiling is not used. The order of a result's sum
/// depends on the number of inputs and the device alone.
cudaError_t stream_gemv(cudaStream_t stream, const saccade::gpu::GemvArgs& args, std::uint32_t rows,
                        int processors);

}  // namespace saccade::compute::cuda
