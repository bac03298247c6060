// y = x W^T of quantized weights for a few rows of activations at a time: batched decoding.
//
// Weights are read once for up to kQuantGemmRows rows and stay integers: the tensor cores multiply
// codes with int8 activations (gpu/kernels/quantize.h), sums of a chunk are exact, and each chunk
// adds one scaled float to the output. Which inputs a sum covers and the order in which sums are
// added depend on the weight's shape and the device's multiprocessors alone, so a row's bits do not
// depend on the other rows nor on their number: one row gives the same bits as any of 64.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "compute/gpu/kernels/functions.h"
#include "compute/gpu/kernels/weight.h"

namespace saccade::compute::cuda {

/// Rows of activations for which a weight is read once; more rows are cut into tiles of these.
inline constexpr int kQuantGemmRows = 64;

/// At the beginning of a workspace.
inline constexpr std::size_t kQuantGemmCounterBytes = 256 * 1024;

enum class QuantGemmOutput : std::uint8_t {
  kF32,      ///< y = v, f32
  kF16,      ///< y = v, f16
  kAddF32,   ///< y += v, f32
  kGateF32,  ///< y = activation(v[r]) * v[r + outputs / 2] for the first half of the outputs
  kGateF16,
};

/// How the work is cut. Bits depend on all but `stages`.
struct QuantGemmPlan {
  int workers = 1;       ///< thread blocks; each has the same share of outputs times inputs
  int depth_warps = 1;   ///< warps of a block along the inputs; at most 8 warps in all, or 15 where
                         ///< output_warps is 1
  int output_warps = 4;  ///< warps of a block along the outputs, each of 32: 1 or 4
  int stages = 2;        ///< pieces of 256 inputs in flight for each warp along the inputs, 1 .. 3;
                         ///< at least 2 where output_warps is 4
};

/// Device pointers. `codes` is int8 [rows, weight.chunks * 32] and `chunks` [rows, weight.chunks],
/// both aligned to 16 bytes.
struct QuantGemmArgs {
  saccade::gpu::WeightView weight{};
  const void* codes = nullptr;
  const saccade::gpu::ActivationChunk* chunks = nullptr;
  /// Where the inputs are those of an RMS norm: what it divides by the root of the mean of, as sums
  /// of chunks [rows, weight.chunks]. The rows' factors multiply the results. Null: no norm.
  const float* squares = nullptr;
  float eps = 0.0f;
  const float* bias = nullptr;  ///< [weight.outputs]; null: none
  void* y = nullptr;
  std::int64_t y_stride = 0;  ///< elements from row to row
  int rows = 0;               ///< 1 or more
  QuantGemmOutput output = QuantGemmOutput::kF32;
  saccade::gpu::Function activation = saccade::gpu::Function::kSilu;
  /// Of kGateF16 and kAddF32: the results once more as inputs of the next product, `codes` and
  /// `chunks` as above. Null, or where quant_gemm_quantizes().
  void* y_codes = nullptr;
  saccade::gpu::ActivationChunk* y_chunks = nullptr;
  /// Of kAddF32: the weights [outputs] of the RMS norm before that product, and its squares.
  const float* y_norm = nullptr;
  float* y_squares = nullptr;
  /// Of quant_gemm_workspace_bytes(), aligned to 16 bytes; the first kQuantGemmCounterBytes are
  /// zeros at the first use, and again after each. All products of a stream can share one.
  void* workspace = nullptr;
  /// The launch may start while the one before it ends (programmatic dependent launch); weights
  /// are fetched then already. Every kernel of such a chain must wait for its predecessor.
  bool overlap = false;
};

/// Whether there is a kernel for the weight: all integer and table codes, none of floats.
bool quant_gemm_supported(const saccade::gpu::WeightView& weight);

/// The plan for any number of rows on a device with `multiprocessors`.
QuantGemmPlan quant_gemm_plan(const saccade::gpu::WeightView& weight, bool gated,
                              int multiprocessors);

/// Bytes of workspace that up to `rows` rows need.
std::size_t quant_gemm_workspace_bytes(const saccade::gpu::WeightView& weight, int rows,
                                       const QuantGemmPlan& plan);

/// Whether the product can write its results as codes as well.
bool quant_gemm_quantizes(const saccade::gpu::WeightView& weight, bool gated,
                          const QuantGemmPlan& plan);

/// Queues the product. Throws Error where the launch fails.
void quant_gemm(const QuantGemmArgs& args, const QuantGemmPlan& plan, cudaStream_t stream);

}  // namespace saccade::compute::cuda
