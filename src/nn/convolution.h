// Convolutions over maps of features.
#pragma once

#include <cstdint>
#include <string>

#include "compute/convolution.h"
#include "nn/layers.h"

namespace saccade::nn {

/// Maps of one size: the places of a map row by row, its channels side by side, maps below each
/// other.
struct FeatureMaps {
  Tensor values;  // [maps * height * width, channels]
  std::int64_t maps = 1;
  std::int64_t height = 0;
  std::int64_t width = 0;

  std::int64_t channels() const { return values.size(1); }
};

/// How a square window steps over a map.
struct Window {
  int kernel = 1;
  int stride = 1;
  int padding = 0;  ///< zeros on each side

  compute::ConvShape over(const FeatureMaps& x) const {
    return {x.maps, x.height, x.width, kernel, stride, padding};
  }
};

/// A convolution of all channels: a linear map of each window.
struct Conv2d {
  Linear map;  // [outputs, kernel * kernel * channels]
  Window window;

  /// Loads `name`.weight [outputs, channels, kernel, kernel] and, when wanted, `name`.bias.
  static Conv2d load(WeightLoader& weights, const std::string& name, std::int64_t outputs,
                     std::int64_t channels, const Window& window, bool with_bias);

  /// Maps of x's channels -> maps of `outputs` channels, for the next layer
  FeatureMaps forward(Device& device, const FeatureMaps& x) const;
  /// The same as f32, for what layers add to.
  FeatureMaps forward_f32(Device& device, const FeatureMaps& x) const;

 private:
  FeatureMaps forward_as(Device& device, const FeatureMaps& x, DType dtype) const;
};

/// A convolution of single channels, each of which has outputs / channels outputs.
struct DepthwiseConv {
  Tensor weight;  // [kernel * kernel, outputs]
  Tensor bias;    // [outputs] or empty
  Window window;

  /// Loads `name`.weight [outputs, 1, kernel, kernel] and, when wanted, `name`.bias.
  static DepthwiseConv load(WeightLoader& weights, const std::string& name, std::int64_t outputs,
                            const Window& window, bool with_bias);
  /// Takes in the batch norm (Ioffe and Szegedy, 2015) that follows: `name`.weight, .bias,
  /// .running_mean and .running_var, which stand still in a trained model.
  void fold_batch_norm(WeightLoader& weights, const std::string& name, float eps);

  /// Maps of x's channels -> maps of `outputs` channels, for the next layer
  FeatureMaps forward(Device& device, const FeatureMaps& x) const;
  /// The same as f32, for what layers add to.
  FeatureMaps forward_f32(Device& device, const FeatureMaps& x) const;

 private:
  FeatureMaps forward_as(Device& device, const FeatureMaps& x, DType dtype) const;
};

}  // namespace saccade::nn
