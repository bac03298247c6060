// Operations on maps on a GPU.
#include "compute/gpu/gpu_device.h"

namespace saccade::compute::gpu {
namespace {

namespace kernels = saccade::gpu;
using kernels::u32;
using kernels::u64;

/// A thread for each kUnit columns of each row.
Grid conv_grid(std::int64_t rows, std::int64_t columns) {
  const std::int64_t units = rows * ((columns + kernels::kUnit - 1) / kernels::kUnit);
  return {static_cast<u32>((units + kernels::kConvThreads - 1) / kernels::kConvThreads), 1, 1,
          kernels::kConvThreads, 0};
}

}  // namespace

void GpuDevice::do_im2col(const Tensor& y, const Tensor& x, const ConvShape& shape,
                          std::int64_t first) {
  const kernels::Im2colArgs args{y.raw(),
                                 x.raw(),
                                 static_cast<u64>(y.row_stride()),
                                 static_cast<u64>(x.row_stride()),
                                 static_cast<u64>(y.rows()),
                                 static_cast<u64>(first),
                                 static_cast<u32>(x.size(1)),
                                 static_cast<u32>(shape.height),
                                 static_cast<u32>(shape.width),
                                 static_cast<u32>(shape.out_height()),
                                 static_cast<u32>(shape.out_width()),
                                 static_cast<u32>(shape.kernel),
                                 static_cast<u32>(shape.stride),
                                 static_cast<u32>(shape.padding)};
  launch_kernel(
      typed("im2col", y, x, Kernel::im2col_f32_f32, Kernel::im2col_f16_f32, Kernel::im2col_f16_f16),
      conv_grid(y.rows(), y.size(1)), &args);
}

void GpuDevice::do_depthwise_conv(const Tensor& y, const Tensor& x, const Tensor& weight,
                                  const Tensor* bias, const ConvShape& shape) {
  const kernels::DepthwiseArgs args{y.raw(),
                                    x.raw(),
                                    weight.data<float>(),
                                    bias ? bias->data<float>() : nullptr,
                                    static_cast<u64>(y.row_stride()),
                                    static_cast<u64>(x.row_stride()),
                                    static_cast<u64>(y.rows()),
                                    static_cast<u32>(y.size(1)),
                                    static_cast<u32>(y.size(1) / x.size(1)),
                                    static_cast<u32>(shape.height),
                                    static_cast<u32>(shape.width),
                                    static_cast<u32>(shape.out_height()),
                                    static_cast<u32>(shape.out_width()),
                                    static_cast<u32>(shape.kernel),
                                    static_cast<u32>(shape.stride),
                                    static_cast<u32>(shape.padding)};
  launch_kernel(typed("depthwise_conv", y, x, Kernel::depthwise_f32_f32, Kernel::depthwise_f16_f32,
                      Kernel::depthwise_f16_f16),
                conv_grid(y.rows(), y.size(1)), &args);
}

void GpuDevice::do_mean_rows(const Tensor& y, const Tensor& x) {
  const kernels::MeanRowsArgs args{y.raw(),
                                   x.raw(),
                                   static_cast<u64>(y.row_stride()),
                                   static_cast<u64>(x.row_stride()),
                                   static_cast<u64>(y.rows()),
                                   static_cast<u64>(x.rows() / y.rows()),
                                   static_cast<u32>(y.size(1))};
  launch_kernel(typed("mean_rows", y, x, Kernel::mean_rows_f32_f32, Kernel::mean_rows_f16_f32,
                      Kernel::mean_rows_f16_f16),
                conv_grid(y.rows(), y.size(1)), &args);
}

}  // namespace saccade::compute::gpu
