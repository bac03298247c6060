#include "nn/layers.h"

namespace saccade::nn {

Linear Linear::load(WeightLoader& weights, const std::string& name, std::int64_t outputs,
                    std::int64_t inputs, bool with_bias) {
  return load_stacked(weights, {name}, {outputs}, inputs, with_bias);
}

Linear Linear::load_stacked(WeightLoader& weights, const std::vector<std::string>& names,
                            const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                            bool with_bias) {
  std::vector<std::string> matrices;
  std::vector<std::string> biases;
  for (const std::string& name : names) {
    matrices.push_back(name + ".weight");
    biases.push_back(name + ".bias");
  }
  return {weights.stacked(matrices, outputs, inputs),
          with_bias ? weights.joined(biases, outputs) : Tensor()};
}

namespace {

compute::LinearOptions linear_options(const Tensor& bias, const RmsNorm* norm) {
  compute::LinearOptions options;
  if (!bias.empty()) options.bias = &bias;
  if (norm) {
    options.norm_weight = &norm->weight;
    options.norm_eps = norm->eps;
  }
  return options;
}

}  // namespace

Tensor Linear::forward(Device& device, const Tensor& x, const RmsNorm* norm) const {
  Tensor y = device.activations({x.rows(), weight->outputs()});
  device.linear(y, x, *weight, linear_options(bias, norm));
  return y;
}

Tensor Linear::forward_f32(Device& device, const Tensor& x) const {
  Tensor y = device.empty(DType::kF32, {x.rows(), weight->outputs()});
  device.linear(y, x, *weight, linear_options(bias, nullptr));
  return y;
}

void Linear::add_to(Device& device, const Tensor& y, const Tensor& x) const {
  compute::LinearOptions options = linear_options(bias, nullptr);
  options.add = true;
  device.linear(y, x, *weight, options);
}

RmsNorm RmsNorm::load(WeightLoader& weights, const std::string& name, std::int64_t size, float eps,
                      bool unit_offset) {
  Tensor weight = weights.vector(name + ".weight", size);
  if (unit_offset) {
    std::vector<float> values(size);
    weights.device().download(values.data(), weight);
    for (float& value : values) value += 1.0f;
    weights.device().upload(weight, values.data());
  }
  return {std::move(weight), eps};
}

Tensor RmsNorm::forward(Device& device, const Tensor& x) const {
  Tensor y = device.activations(x.shape());
  device.rms_norm(y, x, weight, eps);
  return y;
}

Tensor RmsNorm::forward_f32(Device& device, const Tensor& x) const {
  Tensor y = device.empty(DType::kF32, x.shape());
  device.rms_norm(y, x, weight, eps);
  return y;
}

void RmsNorm::forward_heads(Device& device, const Tensor& x) const {
  device.rms_norm_heads(x, weight, eps);
}

LayerNorm LayerNorm::load(WeightLoader& weights, const std::string& name, std::int64_t size,
                          float eps) {
  return {weights.vector(name + ".weight", size), weights.vector(name + ".bias", size), eps};
}

Tensor LayerNorm::forward(Device& device, const Tensor& x) const {
  Tensor y = device.activations(x.shape());
  device.layer_norm(y, x, weight, &bias, eps);
  return y;
}

Tensor LayerNorm::forward_f32(Device& device, const Tensor& x) const {
  Tensor y = device.empty(DType::kF32, x.shape());
  device.layer_norm(y, x, weight, &bias, eps);
  return y;
}

Mlp Mlp::load(WeightLoader& weights, const std::string& up, const std::string& down,
              std::int64_t inputs, std::int64_t intermediate_size, std::int64_t outputs,
              compute::Activation activation) {
  return {Linear::load(weights, up, intermediate_size, inputs, true),
          Linear::load(weights, down, outputs, intermediate_size, true), activation};
}

Tensor Mlp::inner(Device& device, const Tensor& x) const {
  Tensor activated = up.forward(device, x);
  device.activate(activated, activation);
  return activated;
}

Tensor Mlp::forward_f32(Device& device, const Tensor& x) const {
  return down.forward_f32(device, inner(device, x));
}

void Mlp::add_to(Device& device, const Tensor& y, const Tensor& x) const {
  down.add_to(device, y, inner(device, x));
}

GatedMlp GatedMlp::load(WeightLoader& weights, const std::string& name, std::int64_t hidden_size,
                        std::int64_t intermediate_size, bool with_bias,
                        compute::Activation activation) {
  return {Linear::load_stacked(weights, {name + ".gate_proj", name + ".up_proj"},
                               {intermediate_size, intermediate_size}, hidden_size, with_bias),
          Linear::load(weights, name + ".down_proj", hidden_size, intermediate_size, with_bias),
          activation};
}

GatedMlp GatedMlp::load_fused(WeightLoader& weights, const std::string& name,
                              std::int64_t hidden_size, std::int64_t intermediate_size,
                              bool with_bias, compute::Activation activation) {
  return {
      Linear::load(weights, name + ".gate_up_proj", 2 * intermediate_size, hidden_size, with_bias),
      Linear::load(weights, name + ".down_proj", hidden_size, intermediate_size, with_bias),
      activation};
}

Tensor GatedMlp::inner(Device& device, const Tensor& x, const RmsNorm* norm) const {
  Tensor gated = device.activations({x.rows(), gate_up.weight->outputs() / 2});
  compute::LinearOptions options = linear_options(gate_up.bias, norm);
  options.gate = activation;
  device.linear(gated, x, *gate_up.weight, options);
  return gated;
}

Tensor GatedMlp::forward_f32(Device& device, const Tensor& x, const RmsNorm* norm) const {
  return down.forward_f32(device, inner(device, x, norm));
}

void GatedMlp::add_to(Device& device, const Tensor& y, const Tensor& x, const RmsNorm* norm) const {
  down.add_to(device, y, inner(device, x, norm));
}

}  // namespace saccade::nn
