#include "nn/convolution.h"

#include <cmath>

namespace saccade::nn {
namespace {

/// Maps for the windows of `shape`, uninitialized.
FeatureMaps empty_maps(Device& device, DType dtype, const compute::ConvShape& shape,
                       std::int64_t channels) {
  return {device.empty(dtype, {shape.out_places(), channels}), shape.maps, shape.out_height(),
          shape.out_width()};
}

}  // namespace

Conv2d Conv2d::load(WeightLoader& weights, const std::string& name, std::int64_t outputs,
                    std::int64_t channels, const Window& window, bool with_bias) {
  return {{weights.convolution(name + ".weight", outputs, channels, window.kernel),
           with_bias ? weights.vector(name + ".bias", outputs) : Tensor()},
          window};
}

FeatureMaps Conv2d::forward_as(Device& device, const FeatureMaps& x, DType dtype) const {
  const compute::ConvShape shape = window.over(x);
  FeatureMaps y = empty_maps(device, dtype, shape, map.weight->outputs());
  in_pieces(device, y.values.rows(), [&](std::int64_t first, std::int64_t count) {
    const Tensor windows = device.activations({count, map.weight->inputs()});
    device.im2col(windows, x.values, shape, first);
    map.forward_to(device, y.values.view_rows(first, count), windows);
  });
  return y;
}

FeatureMaps Conv2d::forward(Device& device, const FeatureMaps& x) const {
  return forward_as(device, x, device.activation_dtype());
}

FeatureMaps Conv2d::forward_f32(Device& device, const FeatureMaps& x) const {
  return forward_as(device, x, DType::kF32);
}

DepthwiseConv DepthwiseConv::load(WeightLoader& weights, const std::string& name,
                                  std::int64_t outputs, const Window& window, bool with_bias) {
  return {weights.depthwise_kernel(name + ".weight", outputs, window.kernel),
          with_bias ? weights.vector(name + ".bias", outputs) : Tensor(), window};
}

void DepthwiseConv::fold_batch_norm(WeightLoader& weights, const std::string& name, float eps) {
  Device& device = weights.device();
  const auto values_of = [&](const Tensor& tensor) {
    std::vector<float> values(tensor.shape().elements());
    device.download(values.data(), tensor);
    return values;
  };
  const std::int64_t outputs = weight.size(1);
  const auto vector = [&](const char* which) { return weights.values(name + which, {outputs}); };
  std::vector<float> kernel = values_of(weight);
  std::vector<float> shift = bias.empty() ? std::vector<float>(outputs, 0.0f) : values_of(bias);
  const std::vector<float> factor = vector(".weight");
  const std::vector<float> added = vector(".bias");
  const std::vector<float> mean = vector(".running_mean");
  const std::vector<float> variance = vector(".running_var");
  for (std::int64_t o = 0; o < outputs; ++o) {
    const float scale = factor[o] / std::sqrt(variance[o] + eps);
    for (std::size_t i = o; i < kernel.size(); i += outputs) kernel[i] *= scale;
    shift[o] = (shift[o] - mean[o]) * scale + added[o];
  }
  device.upload(weight, kernel.data());
  if (bias.empty()) bias = device.empty(DType::kF32, {outputs});
  device.upload(bias, shift.data());
}

FeatureMaps DepthwiseConv::forward_as(Device& device, const FeatureMaps& x, DType dtype) const {
  const compute::ConvShape shape = window.over(x);
  FeatureMaps y = empty_maps(device, dtype, shape, weight.size(1));
  device.depthwise_conv(y.values, x.values, weight, bias.empty() ? nullptr : &bias, shape);
  return y;
}

FeatureMaps DepthwiseConv::forward(Device& device, const FeatureMaps& x) const {
  return forward_as(device, x, device.activation_dtype());
}

FeatureMaps DepthwiseConv::forward_f32(Device& device, const FeatureMaps& x) const {
  return forward_as(device, x, DType::kF32);
}

}  // namespace saccade::nn
