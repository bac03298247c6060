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

Tensor Linear::forward(Device& device, const Tensor& x) const {
  Tensor y = device.empty(DType::kF32, {x.rows(), weight->outputs()});
  device.linear(y, x, *weight, bias.empty() ? nullptr : &bias);
  return y;
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

Tensor Mlp::forward(Device& device, const Tensor& x) const {
  const Tensor inner = up.forward(device, x);
  device.activate(inner, activation);
  return down.forward(device, inner);
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

Tensor GatedMlp::forward(Device& device, const Tensor& x) const {
  const Tensor both = gate_up.forward(device, x);
  Tensor gated = device.empty(DType::kF32, {x.rows(), both.size(1) / 2});
  device.gate(gated, both, activation);
  return down.forward(device, gated);
}

}  // namespace saccade::nn
