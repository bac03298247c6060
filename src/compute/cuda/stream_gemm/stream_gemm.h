// y = x W^T of 4-bit weights for up to 16 rows of activations on Hopper: weights stream through
// shared memory once, as in gemv/stream_gemv.h. Arguments and results are those of
// quant_gemm/quant_gemm.h: activations arrive as int8 with a scale for each chunk.
//
// A warp keeps the activations of 256 inputs in registers for the whole launch, as f16, and takes
// these inputs of every output. One warp asks for weights, another adds up what warps have of the
// same outputs, and nobody else waits for anybody but for weights: where quant_gemm's warps meet at
// a barrier after every 256 inputs, these run on. Rounding to f16 moves a result by about 4e-4,
// relatively, a tenth of what int8 costs.
#pragma once

#include <cstdint>

#include "compute/cuda/quant_gemm/quant_gemm.h"

namespace saccade::compute::cuda {

/// Rows of activations of a launch, at most.
inline constexpr int kStreamGemmRows = 16;

/// How clusters of blocks cut the work. Bits depend on it.
struct StreamGemmCut {
  int cluster = 1;             ///< blocks
  bool shares_inputs = false;  ///< blocks of a cluster have the same outputs and a part of the
                               ///< inputs each; else all inputs, and a part of the outputs
};

/// Whether there is a kernel for the weight that runs on the current device.
bool stream_gemm_fits(const saccade::gpu::WeightView& weight);

/// Whether such a product of `rows` rows is expected to be faster than quant_gemm's: there is a
/// kernel, and each multiprocessor has enough outputs to be worth taking the activations into
/// registers for, and enough warps to multiply.
bool stream_gemm_pays(const saccade::gpu::WeightView& weight, std::int64_t rows, bool gated,
                      int multiprocessors);

/// The cut that is expected to be the fastest. `coded`: results are written as codes as well.
StreamGemmCut stream_gemm_cut(const saccade::gpu::WeightView& weight, bool gated, bool coded,
                              int multiprocessors);

/// Whether the weight can be cut so.
bool stream_gemm_can_cut(const saccade::gpu::WeightView& weight, bool gated, bool coded,
                         const StreamGemmCut& cut, int multiprocessors);

/// Whether the product can write its results as codes as well.
bool stream_gemm_quantizes(const saccade::gpu::WeightView& weight, bool gated);

/// Queues the product of args.rows rows, up to kStreamGemmRows; needs no workspace. The order of a
/// result's sum depends on the shape of the weights, the cut and the device alone.
cudaError_t stream_gemm(const QuantGemmArgs& args, const StreamGemmCut& cut, int multiprocessors,
                        cudaStream_t stream);

}  // namespace saccade::compute::cuda
