// Rows and columns by index on a GPU.
#include "compute/gpu/gpu_device.h"

namespace saccade::compute::gpu {
namespace {

namespace kernels = saccade::gpu;
using kernels::u32;
using kernels::u64;

/// A row each, and stretches of `unit` columns a thread.
Grid gather_grid(std::int64_t rows, std::int64_t columns, u32 unit) {
  const std::int64_t stretch = std::int64_t{kernels::kGatherThreads} * unit;
  return {static_cast<u32>(rows), static_cast<u32>((columns + stretch - 1) / stretch), 1,
          kernels::kGatherThreads, 0};
}

kernels::ScatterArgs scatter_args(const Tensor& y, const Tensor& x, const Tensor& ids,
                                  const Tensor* factors) {
  return {y.raw(),
          x.raw(),
          ids.data<std::int32_t>(),
          factors ? factors->data<float>() : nullptr,
          static_cast<u64>(y.row_stride()),
          static_cast<u64>(x.row_stride()),
          static_cast<u32>(x.size(1))};
}

}  // namespace

void GpuDevice::do_gather(const Tensor& y, const Tensor& x, const Tensor& ids) {
  const kernels::GatherArgs args{y.raw(),
                                 x.raw(),
                                 ids.data<std::int32_t>(),
                                 static_cast<u64>(y.row_stride()),
                                 static_cast<u64>(x.row_stride()),
                                 static_cast<u32>(x.size(1))};
  const Kernel kernel = y.dtype() == DType::kF32
                            ? typed(x, Kernel::gather_f32_f32, Kernel::gather_f32_f16)
                            : typed(x, Kernel::gather_f16_f32, Kernel::gather_f16_f16);
  launch_kernel(kernel, gather_grid(y.rows(), x.size(1), kernels::kUnit), &args);
}

void GpuDevice::do_gather_columns(const Tensor& y, const Tensor& x, const Tensor& ids) {
  const kernels::GatherColumnsArgs args{y.raw(),
                                        x.raw(),
                                        ids.data<std::int32_t>(),
                                        static_cast<u64>(y.row_stride()),
                                        static_cast<u64>(x.row_stride()),
                                        static_cast<u32>(ids.size(0))};
  launch_kernel(typed("gather_columns", y, x, Kernel::gather_columns_f32,
                      Kernel::gather_columns_f32, Kernel::gather_columns_f16),
                gather_grid(y.rows(), ids.size(0), 1), &args);
}

void GpuDevice::do_scatter(const Tensor& y, const Tensor& x, const Tensor& ids) {
  const kernels::ScatterArgs args = scatter_args(y, x, ids, nullptr);
  const Kernel kernel = y.dtype() == DType::kF32
                            ? typed(x, Kernel::scatter_f32_f32, Kernel::scatter_f32_f16)
                            : typed(x, Kernel::scatter_f16_f32, Kernel::scatter_f16_f16);
  launch_kernel(kernel, gather_grid(x.rows(), x.size(1), kernels::kUnit), &args);
}

void GpuDevice::do_scatter_add(const Tensor& y, const Tensor& x, const Tensor& ids,
                               const Tensor& factors) {
  const kernels::ScatterArgs args = scatter_args(y, x, ids, &factors);
  const Kernel kernel = y.dtype() == DType::kF32
                            ? typed(x, Kernel::scatter_add_f32_f32, Kernel::scatter_add_f32_f16)
                            : typed("scatter_add", y, x, Kernel::scatter_add_f32_f32,
                                    Kernel::scatter_add_f16_f16, Kernel::scatter_add_f16_f16);
  launch_kernel(kernel, gather_grid(x.rows(), x.size(1), kernels::kUnit), &args);
}

}  // namespace saccade::compute::gpu
