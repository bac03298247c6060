// The checked front of the operations on maps.
#include "compute/convolution.h"

#include "base/error.h"
#include "compute/device.h"

namespace saccade::compute {
namespace {

void check_shape(std::string_view op, const ConvShape& shape) {
  const bool sound = shape.maps >= 0 && shape.height >= 1 && shape.width >= 1 &&
                     shape.kernel >= 1 && shape.stride >= 1 && shape.padding >= 0 &&
                     shape.padding < shape.kernel && shape.out_height() >= 1 &&
                     shape.out_width() >= 1;
  if (!sound) {
    fail("[{}] no windows of {} x {} with stride {} and padding {} on {} maps of {} x {}", op,
         shape.kernel, shape.kernel, shape.stride, shape.padding, shape.maps, shape.height,
         shape.width);
  }
}

void check_f32(std::string_view op, std::string_view name, const Tensor& tensor,
               const Shape& shape) {
  if (tensor.empty() || tensor.dtype() != DType::kF32 || tensor.shape() != shape ||
      !tensor.dense()) {
    fail("[{}] {}: wanted dense f32 {}, found {} {}", op, name, shape.text(),
         dtype_name(tensor.dtype()), tensor.shape().text());
  }
}

}  // namespace

void Device::im2col(const Tensor& y, const Tensor& x, const ConvShape& shape, std::int64_t first) {
  check_shape("im2col", shape);
  check_matrix("im2col", "x", x, shape.places(), -1);
  check_matrix("im2col", "y", y, -1, x.size(1) * shape.kernel * shape.kernel);
  if (first < 0 || first + y.rows() > shape.out_places()) {
    fail("[im2col] {} windows from {} on, of {}", y.rows(), first, shape.out_places());
  }
  do_im2col(y, x, shape, first);
}

void Device::depthwise_conv(const Tensor& y, const Tensor& x, const Tensor& weight,
                            const Tensor* bias, const ConvShape& shape) {
  constexpr std::string_view kOp = "depthwise_conv";
  may_pause();
  check_shape(kOp, shape);
  check_matrix(kOp, "x", x, shape.places(), -1);
  check_matrix(kOp, "y", y, shape.out_places(), -1);
  const std::int64_t outputs = y.size(1);
  if (x.size(1) < 1 || outputs % x.size(1) != 0) {
    fail("[{}] {} outputs of {} channels", kOp, outputs, x.size(1));
  }
  check_f32(kOp, "weight", weight, {std::int64_t{shape.kernel} * shape.kernel, outputs});
  if (bias) check_f32(kOp, "bias", *bias, {outputs});
  do_depthwise_conv(y, x, weight, bias, shape);
}

void Device::mean_rows(const Tensor& y, const Tensor& x) {
  check_matrix("mean_rows", "x", x, -1, -1);
  check_matrix("mean_rows", "y", y, -1, x.size(1));
  if (y.rows() < 1 || x.rows() < 1 || x.rows() % y.rows() != 0) {
    fail("[mean_rows] {} rows in {} groups", x.rows(), y.rows());
  }
  do_mean_rows(y, x);
}

}  // namespace saccade::compute
