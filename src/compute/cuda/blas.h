// Products of dense matrices by cuBLASLt.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

#include "tensor/dtype.h"

namespace saccade::compute::cuda {

/// y [rows, outputs] = x [rows, inputs] w^T (+ bias) (+ y), all row after row in device memory.
struct Product {
  void* y = nullptr;
  const void* x = nullptr;
  const void* w = nullptr;     ///< [outputs, inputs], of x_type
  const void* bias = nullptr;  ///< [outputs] of y_type; null: none
  std::int64_t rows = 0, outputs = 0, inputs = 0;
  std::int64_t y_stride = 0, x_stride = 0, w_stride = 0;  ///< elements from row to row
  DType x_type = DType::kF16;                             ///< kF16 or kF32
  DType y_type = DType::kF16;                             ///< kF32 where x is
  bool add = false;                                       ///< y += instead of y =
  /// The order of sums must not depend on `rows`.
  bool invariant = false;
};

/// cuBLASLt with what it needs between calls. The library is opened when the first product is asked
/// for, so that a program built with CUDA runs where there is none.
class Blas {
 public:
  explicit Blas(cudaStream_t stream);
  ~Blas();
  Blas(const Blas&) = delete;
  Blas& operator=(const Blas&) = delete;

  /// Throws Error when the library is missing or knows no way.
  void multiply(const Product& product);

  /// What multiply wants of x and w beside alignment to 16 bytes: strides and inputs are multiples
  /// of this many elements.
  static std::int64_t alignment(DType type) { return type == DType::kF32 ? 4 : 8; }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace saccade::compute::cuda
