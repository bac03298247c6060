#include "nn/gated_delta_net.h"

#include <cmath>

namespace saccade::nn {
namespace {

/// The taps of `name` [channels, 1, taps] as the device wants them, [taps, channels].
Tensor load_taps(WeightLoader& weights, const std::string& name, std::int64_t channels,
                 std::int64_t taps) {
  Device& device = weights.device();
  const Tensor table = weights.table(name, channels, taps);
  std::vector<float> stored(channels * taps);
  device.download(stored.data(), table);
  std::vector<float> turned(stored.size());
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    for (std::int64_t t = 0; t < taps; ++t) {
      turned[t * channels + channel] = stored[channel * taps + t];
    }
  }
  Tensor result = device.empty(DType::kF32, {taps, channels});
  device.upload(result, turned.data());
  return result;
}

/// exp of `name`, in double so that it does not depend on the C library's float functions.
Tensor load_rates(WeightLoader& weights, const std::string& name, std::int64_t heads) {
  Tensor rates = weights.vector(name, heads);
  std::vector<float> values(heads);
  weights.device().download(values.data(), rates);
  for (float& value : values) value = static_cast<float>(std::exp(static_cast<double>(value)));
  weights.device().upload(rates, values.data());
  return rates;
}

}  // namespace

GatedDeltaNet GatedDeltaNet::load(WeightLoader& weights, const std::string& name,
                                  std::int64_t hidden_size, const GatedDeltaConfig& config,
                                  compute::Activation activation, float norm_eps) {
  const std::int64_t heads = config.num_value_heads;
  GatedDeltaNet net;
  net.config_ = config;
  net.activation_ = activation;
  net.qkvz_ = Linear::load_stacked(weights, {name + ".in_proj_qkv", name + ".in_proj_z"},
                                   {config.conv_channels(), config.values()}, hidden_size, false);
  net.ba_ = Linear::load_stacked(weights, {name + ".in_proj_b", name + ".in_proj_a"},
                                 {heads, heads}, hidden_size, false);
  net.taps_ = load_taps(weights, name + ".conv1d.weight", config.conv_channels(), config.conv_taps);
  net.rates_ = load_rates(weights, name + ".A_log", heads);
  net.bias_ = weights.vector(name + ".dt_bias", heads);
  net.norm_ = RmsNorm::load(weights, name + ".norm", config.value_dim, norm_eps);
  return net;
}

Tensor GatedDeltaNet::forward(Device& device, const Tensor& x, const RmsNorm& input_norm,
                              compute::StateStore& states, int layer,
                              const compute::SpanTable& spans) const {
  const std::int64_t channels = config_.conv_channels();
  const Tensor qkvz = qkvz_.forward(device, x, &input_norm);
  const Tensor gates = ba_.forward_f32(device, x, &input_norm);
  const Tensor qkv = device.activations({x.rows(), channels});
  device.causal_conv(qkv, qkvz.view_columns(0, channels), taps_, activation_, states, layer, spans);
  // In f32, since the norm makes any size of it one: small numbers must keep their digits.
  Tensor out = device.empty(DType::kF32, {x.rows(), config_.values()});
  device.gated_delta_rule(out, qkv, gates, rates_, bias_, config_.num_key_heads, states, layer,
                          spans);
  norm_.forward_heads(device, out);
  device.apply_gate(out, qkvz.view_columns(channels, config_.values()), compute::Activation::kSilu);
  return out;
}

}  // namespace saccade::nn
