// Operations on maps on the processor.
#include <algorithm>
#include <cstring>

#include "compute/cpu/cpu_device.h"

namespace saccade::compute::cpu {
namespace {

/// Channels of a work item of depthwise_conv: so few that late, small maps with many channels keep
/// all threads busy, and a window's rows of a large map stay in the cache.
constexpr std::int64_t kItemChannels = 64;

/// y [kernel, kernel, channels] = the window at row `top` and column `left` of a map, either of
/// which may be outside.
void copy_window(float* y, const Tensor& x, std::int64_t map, std::int64_t top, std::int64_t left,
                 const ConvShape& shape) {
  const std::int64_t channels = x.size(1);
  const std::int64_t first = map * shape.height * shape.width;
  for (std::int64_t row = top; row < top + shape.kernel; ++row) {
    for (std::int64_t column = left; column < left + shape.kernel; ++column, y += channels) {
      if (row < 0 || row >= shape.height || column < 0 || column >= shape.width) {
        std::fill_n(y, channels, 0.0f);
      } else {
        std::memcpy(y, x.row(first + row * shape.width + column), channels * sizeof(float));
      }
    }
  }
}

}  // namespace

void CpuDevice::do_im2col(const Tensor& y, const Tensor& x, const ConvShape& shape,
                          std::int64_t first) {
  const std::int64_t width = shape.out_width();
  const std::int64_t windows = shape.out_height() * width;
  for_rows(y.rows(), y.size(1), [&](std::int64_t row) {
    const std::int64_t map = (first + row) / windows;
    const std::int64_t window = (first + row) % windows;
    copy_window(y.row(row), x, map, window / width * shape.stride - shape.padding,
                window % width * shape.stride - shape.padding, shape);
  });
}

void CpuDevice::do_depthwise_conv(const Tensor& y, const Tensor& x, const Tensor& weight,
                                  const Tensor* bias, const ConvShape& shape) {
  const std::int64_t channels = y.size(1);
  const std::int64_t repeats = channels / x.size(1);
  Tensor repeated;  // each channel of x as often as it has outputs
  if (repeats > 1) {
    repeated = empty(DType::kF32, {x.rows(), channels});
    for_rows(x.rows(), channels, [&](std::int64_t row) {
      float* to = repeated.row(row);
      for (std::int64_t i = 0; i < x.size(1); ++i, to += repeats) {
        std::fill_n(to, repeats, x.row(row)[i]);
      }
    });
  }
  const Tensor& input = repeats > 1 ? repeated : x;
  const std::int64_t stretches = (channels + kItemChannels - 1) / kItemChannels;
  // An item's windows in vectors, each worth some ten elements of other operations.
  const std::int64_t elements =
      shape.out_width() * std::min(channels, kItemChannels) * shape.kernel * shape.kernel / kPanel;
  const std::int64_t out_height = shape.out_height();
  for_rows(shape.maps * out_height * stretches, elements, [&](std::int64_t item) {
    const std::int64_t channel = item % stretches * kItemChannels;
    const std::int64_t row = item / stretches;
    const std::int64_t map = row / out_height;
    DepthwiseArgs args{};
    args.y = y.row(row * shape.out_width()) + channel;
    args.x = input.row(map * shape.height * shape.width) + channel;
    args.weight = weight.row(0) + channel;
    args.bias = bias ? bias->data<float>() + channel : nullptr;
    args.y_stride = y.row_stride();
    args.x_stride = input.row_stride();
    args.weight_stride = channels;
    args.channels = std::min(kItemChannels, channels - channel);
    args.height = shape.height;
    args.width = shape.width;
    args.out_width = shape.out_width();
    args.first_row = row % out_height * shape.stride - shape.padding;
    args.kernel = shape.kernel;
    args.stride = shape.stride;
    args.padding = shape.padding;
    kernels_.depthwise(args);
  });
}

void CpuDevice::do_mean_rows(const Tensor& y, const Tensor& x) {
  const std::int64_t columns = y.size(1);
  const std::int64_t count = x.rows() / y.rows();
  const std::int64_t stretches = (columns + kItemChannels - 1) / kItemChannels;
  for_rows(y.rows() * stretches, count * kItemChannels, [&](std::int64_t item) {
    const std::int64_t first = item % stretches * kItemChannels;
    const std::int64_t n = std::min(kItemChannels, columns - first);
    const std::int64_t group = item / stretches;
    float* sum = y.row(group) + first;
    std::fill_n(sum, n, 0.0f);
    for (std::int64_t i = 0; i < count; ++i) {
      kernels_.add(sum, x.row(group * count + i) + first, n);
    }
    kernels_.scale(sum, n, 1.0f / static_cast<float>(count));
  });
}

}  // namespace saccade::compute::cpu
