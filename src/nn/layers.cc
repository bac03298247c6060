#include "nn/layers.h"

#include <algorithm>
#include <numeric>

#include "nn/round_weights.h"

namespace saccade::nn {
namespace {

/// The size between the maps of an MLP: filled up where all of them will be rounded, whose inputs
/// come in groups, or where the device wants whole units. What is added gives zeros and meets
/// weights of zero.
std::int64_t inner_size(const WeightLoader& weights, const std::vector<std::string>& maps,
                        std::int64_t inputs, std::int64_t size) {
  std::vector<std::string> names;
  for (const std::string& map : maps) names.push_back(map + ".weight");
  if (!weights.fills(names)) return size;
  const bool groups = rounded_group(inputs) > 0 && weights.rounds(names);
  const std::int64_t unit = groups ? kRoundedGroup : weights.device().row_unit();
  return (size + unit - 1) / unit * unit;
}

}  // namespace

Linear Linear::load(WeightLoader& weights, const std::string& name, std::int64_t outputs,
                    std::int64_t inputs, bool with_bias, compute::WeightUse use) {
  return load_padded(weights, {name}, {outputs}, inputs, {outputs}, inputs, with_bias, use);
}

Linear Linear::load_stacked(WeightLoader& weights, const std::vector<std::string>& names,
                            const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                            bool with_bias) {
  return load_padded(weights, names, outputs, inputs, outputs, inputs, with_bias);
}

Linear Linear::load_reordered(WeightLoader& weights, const std::vector<std::string>& names,
                              const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                              bool with_bias, std::span<const std::int64_t> order) {
  std::vector<std::string> matrices;
  std::vector<std::string> biases;
  for (const std::string& name : names) {
    matrices.push_back(name + ".weight");
    biases.push_back(name + ".bias");
  }
  return {weights.stacked(matrices, outputs, inputs, order),
          with_bias ? weights.joined(biases, outputs, outputs, order) : Tensor()};
}

Linear Linear::load_padded(WeightLoader& weights, const std::vector<std::string>& names,
                           const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                           const std::vector<std::int64_t>& padded_outputs,
                           std::int64_t padded_inputs, bool with_bias, compute::WeightUse use) {
  std::vector<std::string> matrices;
  std::vector<std::string> biases;
  for (const std::string& name : names) {
    matrices.push_back(name + ".weight");
    biases.push_back(name + ".bias");
  }
  return {weights.linear_map(matrices, outputs, inputs, padded_outputs, padded_inputs, use),
          with_bias ? weights.joined(biases, outputs, padded_outputs) : Tensor()};
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

std::optional<Linear> Linear::part(Device& device,
                                   std::span<const compute::OutputRange> ranges) const {
  std::shared_ptr<const compute::Weight> some = weight->part(ranges);
  if (!some) return std::nullopt;
  if (bias.empty()) return Linear{std::move(some), Tensor()};
  // The biases in pieces of the largest size that all ranges are made of.
  std::int64_t piece = weight->outputs();
  for (const compute::OutputRange& range : ranges) {
    piece = std::gcd(piece, std::gcd(range.first, range.count));
  }
  std::vector<std::int32_t> pieces;
  for (const compute::OutputRange& range : ranges) {
    for (std::int64_t output = range.first; output < range.first + range.count; output += piece) {
      pieces.push_back(static_cast<std::int32_t>(output / piece));
    }
  }
  const auto count = static_cast<std::int64_t>(pieces.size());
  const Tensor biases = device.empty(DType::kF32, {count, piece});
  device.gather(biases, bias.view_as({weight->outputs() / piece, piece}), pieces);
  return Linear{std::move(some), biases.view_as({count * piece})};
}

Tensor Linear::forward(Device& device, const Tensor& x, const RmsNorm* norm) const {
  Tensor y = device.activations({x.rows(), weight->outputs()});
  const compute::LinearOptions options = linear_options(bias, norm);
  in_pieces(device, x.rows(), [&](std::int64_t first, std::int64_t count) {
    device.linear(y.view_rows(first, count), x.view_rows(first, count), *weight, options);
  });
  return y;
}

Tensor Linear::forward_f32(Device& device, const Tensor& x, const RmsNorm* norm) const {
  Tensor y = device.empty(DType::kF32, {x.rows(), weight->outputs()});
  forward_to(device, y, x, norm);
  return y;
}

void Linear::forward_to(Device& device, const Tensor& y, const Tensor& x,
                        const RmsNorm* norm) const {
  const compute::LinearOptions options = linear_options(bias, norm);
  in_pieces(device, x.rows(), [&](std::int64_t first, std::int64_t count) {
    device.linear(y.view_rows(first, count), x.view_rows(first, count), *weight, options);
  });
}

void Linear::add_to(Device& device, const Tensor& y, const Tensor& x) const {
  compute::LinearOptions options = linear_options(bias, nullptr);
  options.add = true;
  in_pieces(device, x.rows(), [&](std::int64_t first, std::int64_t count) {
    device.linear(y.view_rows(first, count), x.view_rows(first, count), *weight, options);
  });
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

RmsNorm RmsNorm::plain(Device& device, std::int64_t size, float eps) {
  Tensor weight = device.empty(DType::kF32, {size});
  device.upload(weight, std::vector<float>(size, 1.0f).data());
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
  const std::int64_t inner = inner_size(weights, {up, down}, inputs, intermediate_size);
  return {
      Linear::load_padded(weights, {up}, {intermediate_size}, inputs, {inner}, inputs, true),
      Linear::load_padded(weights, {down}, {outputs}, intermediate_size, {outputs}, inner, true),
      activation};
}

Tensor Mlp::inner(Device& device, const Tensor& x) const {
  Tensor activated = up.forward(device, x);
  device.activate(activated, activation);
  return activated;
}

Tensor Mlp::forward_f32(Device& device, const Tensor& x) const {
  Tensor y = device.empty(DType::kF32, {x.rows(), down.weight->outputs()});
  const compute::LinearOptions options = linear_options(down.bias, nullptr);
  in_pieces(device, x.rows(), [&](std::int64_t first, std::int64_t count) {
    device.linear(y.view_rows(first, count), inner(device, x.view_rows(first, count)), *down.weight,
                  options);
  });
  return y;
}

void Mlp::add_to(Device& device, const Tensor& y, const Tensor& x) const {
  in_pieces(device, x.rows(), [&](std::int64_t first, std::int64_t count) {
    down.add_to(device, y.view_rows(first, count), inner(device, x.view_rows(first, count)));
  });
}

GatedMlp GatedMlp::load(WeightLoader& weights, const std::string& name, std::int64_t hidden_size,
                        std::int64_t intermediate_size, bool with_bias,
                        compute::Activation activation, std::int64_t outputs) {
  if (outputs == 0) outputs = hidden_size;
  const std::string gate = name + ".gate_proj";
  const std::string up = name + ".up_proj";
  const std::string down = name + ".down_proj";
  const std::int64_t inner = inner_size(weights, {gate, up, down}, hidden_size, intermediate_size);
  return {Linear::load_padded(weights, {gate, up}, {intermediate_size, intermediate_size},
                              hidden_size, {inner, inner}, hidden_size, with_bias, {.gated = true}),
          Linear::load_padded(weights, {down}, {outputs}, intermediate_size, {outputs}, inner,
                              with_bias),
          activation};
}

GatedMlp GatedMlp::load_fused(WeightLoader& weights, const std::string& name,
                              std::int64_t hidden_size, std::int64_t intermediate_size,
                              bool with_bias, compute::Activation activation) {
  return {Linear::load(weights, name + ".gate_up_proj", 2 * intermediate_size, hidden_size,
                       with_bias, {.gated = true}),
          Linear::load(weights, name + ".down_proj", hidden_size, intermediate_size, with_bias),
          activation};
}

Tensor GatedMlp::inner(Device& device, const Tensor& x, const RmsNorm* norm) const {
  compute::LinearOptions options = linear_options(gate_up.bias, norm);
  options.gate = activation;
  return device.gated_linear(x, *gate_up.weight, options);
}

Tensor GatedMlp::forward_f32(Device& device, const Tensor& x, const RmsNorm* norm) const {
  Tensor y = device.empty(DType::kF32, {x.rows(), down.weight->outputs()});
  const compute::LinearOptions options = linear_options(down.bias, nullptr);
  in_pieces(device, x.rows(), [&](std::int64_t first, std::int64_t count) {
    device.linear(y.view_rows(first, count), inner(device, x.view_rows(first, count), norm),
                  *down.weight, options);
  });
  return y;
}

void GatedMlp::add_to(Device& device, const Tensor& y, const Tensor& x, const RmsNorm* norm) const {
  in_pieces(device, x.rows(), [&](std::int64_t first, std::int64_t count) {
    down.add_to(device, y.view_rows(first, count), inner(device, x.view_rows(first, count), norm));
  });
}

}  // namespace saccade::nn
