// What tests of quantized products share.
#pragma once

#include <cmath>
#include <span>
#include <vector>

#include "compute/device.h"
#include "op_testing.h"

namespace saccade::compute {

/// Rows of x by the outputs of all parts, and a bias of a quarter.
inline Matrix multiply(Device& device, std::span<const HostMatrix> parts, const Matrix& x,
                       std::int64_t rows) {
  const auto weight = device.pack(parts);
  const Tensor y = device.empty(DType::kF32, {rows, weight->outputs()});
  const Matrix bias(weight->outputs(), 0.25f);
  const Tensor b = upload(device, bias, {weight->outputs()});
  device.linear(y, upload(device, x, {rows, weight->inputs()}), *weight, {.bias = &b});
  Matrix result(y.shape().elements());
  device.download(result.data(), y);
  return result;
}

/// The root of the mean square of `found` less `wanted`, relative to that of `wanted`.
inline double relative_error(const Matrix& found, const std::vector<double>& wanted) {
  double squares = 0.0, errors = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    squares += wanted[i] * wanted[i];
    errors += (found[i] - wanted[i]) * (found[i] - wanted[i]);
  }
  return std::sqrt(errors / squares);
}

}  // namespace saccade::compute
