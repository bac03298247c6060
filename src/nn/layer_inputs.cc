#include "nn/layer_inputs.h"

#include <cmath>

namespace saccade::nn {

LayerInputs LayerInputs::load(WeightLoader& weights, const std::string& prefix,
                              const LayerInputConfig& config, int num_layers,
                              std::int64_t hidden_size, float eps) {
  const std::int64_t width = num_layers * config.size;
  LayerInputs inputs;
  inputs.embedding_scale_ = config.embedding_scale;
  inputs.projection_scale_ = 1.0f / std::sqrt(static_cast<float>(hidden_size));
  inputs.table_ =
      weights.matrix(prefix + ".embed_tokens_per_layer.weight", config.vocab_size, width);
  inputs.projection_ =
      Linear::load(weights, prefix + ".per_layer_model_projection", width, hidden_size, false);
  inputs.norm_ = RmsNorm::load(weights, prefix + ".per_layer_projection_norm", config.size, eps);
  return inputs;
}

Tensor LayerInputs::forward(Device& device, const Tensor& ids, const Tensor& embeddings) const {
  Tensor inputs = projection_.forward_f32(device, embeddings);
  device.scale(inputs, projection_scale_);
  norm_.forward_heads(device, inputs);
  const Tensor of_token = device.empty(DType::kF32, inputs.shape());
  device.embed(of_token, *table_, ids);
  device.scale(of_token, embedding_scale_);
  device.add(inputs, of_token);
  device.scale(inputs, std::sqrt(0.5f));
  return inputs;
}

LayerInput LayerInput::load(WeightLoader& weights, const std::string& name,
                            std::int64_t hidden_size, std::int64_t size, float eps) {
  return {Linear::load(weights, name + ".per_layer_input_gate", size, hidden_size, false),
          Linear::load(weights, name + ".per_layer_projection", hidden_size, size, false),
          RmsNorm::load(weights, name + ".post_per_layer_input_norm", hidden_size, eps)};
}

void LayerInput::add_to(Device& device, const Tensor& hidden_states, const Tensor& input,
                        compute::Activation activation) const {
  device.apply_gate(input, gate.forward(device, hidden_states), activation);
  device.add(hidden_states, norm.forward_f32(device, projection.forward_f32(device, input)));
}

}  // namespace saccade::nn
