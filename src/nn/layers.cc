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

RmsNorm RmsNorm::load(WeightLoader& weights, const std::string& name, std::int64_t size,
                      float eps) {
  return {weights.vector(name + ".weight", size), eps};
}

Tensor RmsNorm::forward(Device& device, const Tensor& x) const {
  Tensor y = device.empty(DType::kF32, x.shape());
  device.rms_norm(y, x, weight, eps);
  return y;
}

GatedMlp GatedMlp::load(WeightLoader& weights, const std::string& name, std::int64_t hidden_size,
                        std::int64_t intermediate_size, bool with_bias,
                        compute::Activation activation) {
  return {Linear::load_stacked(weights, {name + ".gate_proj", name + ".up_proj"},
                               {intermediate_size, intermediate_size}, hidden_size, with_bias),
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
