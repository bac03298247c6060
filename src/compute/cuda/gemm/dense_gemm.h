// Products of many rows with dense f16 weights on Hopper, which gate their own results or add a
// bias to them. cuBLASLt has no product that gates.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "compute/gpu/kernels/functions.h"

namespace saccade::compute::cuda {

enum class GemmEpilogue {
  kGate,   ///< y f16 = activation(x w^T + bias) * (x u^T + up_bias)
  kStore,  ///< y f16 = x w^T + bias
};

/// Matrices of f16 lie row after row in device memory and begin at multiples of 16 bytes. Strides
/// are elements from row to row, multiples of 8. What f16 cannot hold becomes its largest number;
/// not-a-numbers stay. Results are rounded to f16 before they gate or are gated, as they would be
/// if that were done afterwards.
struct DenseGemmArgs {
  GemmEpilogue epilogue = GemmEpilogue::kStore;
  void* y = nullptr;        ///< [rows, columns]
  const void* x = nullptr;  ///< [rows, inputs]
  const void* w = nullptr;  ///< [columns, inputs]
  /// Of kGate: u [columns, inputs] begins so many rows after w.
  std::int64_t up_row = 0;
  const float* bias = nullptr;     ///< [columns]; null: none
  const float* up_bias = nullptr;  ///< the same, where there is a bias
  std::int64_t rows = 0, columns = 0, inputs = 0;
  std::int64_t y_stride = 0, x_stride = 0, w_stride = 0;
  saccade::gpu::Function activation = saccade::gpu::Function::kSilu;  ///< of kGate
};

/// Whether the current device runs these kernels.
bool dense_gemm_runs();
/// Whether this product is laid out as the kernels want it, and the device runs them.
bool dense_gemm_fits(const DenseGemmArgs& args);
/// What part of the multiprocessors' time goes into results: tiles reach beyond them, and in the
/// last round some multiprocessors have none.
double dense_gemm_filled(const DenseGemmArgs& args, int processors);

/// A result's sum is made in the order of the inputs, whatever the number of rows is.
cudaError_t dense_gemm(cudaStream_t stream, const DenseGemmArgs& args, int processors);

}  // namespace saccade::compute::cuda
