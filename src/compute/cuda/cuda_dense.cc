// Products of many rows with dense weights, by cuBLASLt and by kernels of our own.
#include "compute/cuda/check.h"
#include "compute/cuda/cuda_device.h"
#include "compute/cuda/gemm/dense_gemm.h"
#include "compute/gpu/gpu_weight.h"

namespace saccade::compute::cuda {
namespace {

// Of what the tiles of a product cover, at least so much must be results: elsewhere the library,
// which has smaller tiles, is faster. On a warm H200 the queries, keys and values of Qwen2.5-VL-7B
// [4608, 3584] take 204 instead of 208 us with 4096 rows, which fill 97 %.
constexpr double kFilled = 0.9;

}  // namespace

bool CudaDevice::multiply_dense(const Tensor& y, const Tensor& x, const void* w,
                                std::int64_t w_stride, const Tensor* bias, bool add) {
  coded_ = {};
  if (multiply_large(y, x, w, w_stride, bias, add)) return true;
  // cuBLASLt wants the bias in the type of the result.
  Tensor narrow_bias;
  if (bias && y.dtype() != DType::kF32) {
    narrow_bias = empty(y.dtype(), bias->shape());
    convert(narrow_bias.view_as({1, bias->size(0)}), bias->view_as({1, bias->size(0)}));
    bias = &narrow_bias;
  }
  blas_.multiply({.y = y.raw(),
                  .x = x.raw(),
                  .w = w,
                  .bias = bias ? bias->raw() : nullptr,
                  .rows = x.rows(),
                  .outputs = y.size(1),
                  .inputs = x.size(1),
                  .y_stride = y.row_stride(),
                  .x_stride = x.row_stride(),
                  .w_stride = w_stride,
                  .x_type = x.dtype(),
                  .y_type = y.dtype(),
                  .add = add,
                  .invariant = options_.batch_invariant});
  return true;
}

bool CudaDevice::multiply_large(const Tensor& y, const Tensor& x, const void* w,
                                std::int64_t w_stride, const Tensor* bias, bool add) {
  if (add || options_.batch_invariant || x.dtype() != DType::kF16 || y.dtype() != DType::kF16 ||
      x.rows() < kLargeRows) {
    return false;
  }
  DenseGemmArgs args;
  args.y = y.raw();
  args.x = x.raw();
  args.w = w;
  if (bias) args.bias = bias->data<float>();
  args.rows = x.rows();
  args.columns = y.size(1);
  args.inputs = x.size(1);
  args.y_stride = y.row_stride();
  args.x_stride = x.row_stride();
  args.w_stride = w_stride;
  if (dense_gemm_filled(args, processors()) < kFilled) return false;
  make_current();
  if (!dense_gemm_fits(args)) return false;
  check(dense_gemm(stream_, args, processors()), "launching a product");
  return true;
}

bool CudaDevice::multiplies_gated(std::int64_t rows) const {
  // A row's sums are the same in every tile.
  if (exact() || (rows < kGatedRows && !options_.batch_invariant)) return false;
  make_current();
  return dense_gemm_runs();
}

bool CudaDevice::multiply_gated(const Tensor& y, const Tensor& x, const gpu::GatedMatrices& w,
                                Activation activation) {
  DenseGemmArgs args;
  args.epilogue = GemmEpilogue::kGate;
  args.y = y.raw();
  args.x = x.raw();
  args.w = w.gates;
  args.up_row = w.up_row;
  args.bias = w.gates_bias;
  args.up_bias = w.up_bias;
  args.rows = x.rows();
  args.columns = y.size(1);
  args.inputs = x.size(1);
  args.y_stride = y.row_stride();
  args.x_stride = x.row_stride();
  args.w_stride = w.stride;
  args.activation = gpu::function_of(activation);
  make_current();
  if (!dense_gemm_fits(args)) return false;
  coded_ = {};
  check(dense_gemm(stream_, args, processors()), "launching a gated product");
  return true;
}

}  // namespace saccade::compute::cuda
