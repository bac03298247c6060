// Inputs that every layer of a decoder has to itself, beside what the layer before it gives.
#pragma once

#include <memory>
#include <string>

#include "nn/layers.h"

namespace saccade::nn {

/// Sizes of per-layer inputs.
struct LayerInputConfig {
  std::int64_t size = 0;  ///< of one layer's; 0: there are none
  std::int64_t vocab_size = 0;
  float embedding_scale = 1.0f;
};

/// What all layers share of them (per-layer embeddings of Gemma 3n and Gemma 4): for each token and
/// layer a row of a table, and a projection of the token's embedding.
class LayerInputs {
 public:
  /// Loads `prefix`.embed_tokens_per_layer, .per_layer_model_projection and
  /// .per_layer_projection_norm.
  static LayerInputs load(WeightLoader& weights, const std::string& prefix,
                          const LayerInputConfig& config, int num_layers, std::int64_t hidden_size,
                          float eps);

  /// f32 [rows, num_layers * size] for tokens int32 [rows] and their embeddings
  /// [rows, hidden_size], as they go into the first layer.
  Tensor forward(Device& device, const Tensor& ids, const Tensor& embeddings) const;

 private:
  float embedding_scale_ = 1.0f;
  float projection_scale_ = 1.0f;
  std::shared_ptr<const compute::Weight> table_;  // [vocab_size, num_layers * size]
  Linear projection_;
  RmsNorm norm_;  // of one layer's
};

/// What one layer makes of its own.
struct LayerInput {
  Linear gate;
  Linear projection;
  RmsNorm norm;

  /// Loads `name`.per_layer_input_gate, .per_layer_projection and .post_per_layer_input_norm.
  static LayerInput load(WeightLoader& weights, const std::string& name, std::int64_t hidden_size,
                         std::int64_t size, float eps);

  /// hidden_states f32 [rows, hidden_size] += norm(projection(activation(gate(hidden_states)) *
  /// input)); input f32 [rows, size] is used up.
  void add_to(Device& device, const Tensor& hidden_states, const Tensor& input,
              compute::Activation activation) const;
};

}  // namespace saccade::nn
