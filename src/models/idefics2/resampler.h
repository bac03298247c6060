// The perceiver resampler of Idefics2 (Laurençon et al., 2024, after Jaegle et al., 2021).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace saccade::models::idefics2 {

struct ResamplerConfig {
  int num_latents = 0;  ///< rows that stand for a tile, whatever its size
  int depth = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  std::int64_t hidden_size = 0;
  float norm_eps = 1e-6f;
  compute::Activation activation = compute::Activation::kSilu;
};

/// Learned rows, the latents, that look at the features of a tile and at each other.
class Resampler {
 public:
  /// Loads `prefix`latents, `prefix`layers.N.* and `prefix`norm.
  Resampler(const ResamplerConfig& config, nn::WeightLoader& weights, const std::string& prefix);

  /// features f32 [rows, hidden_size], those of tile i being rows [ends[i - 1], ends[i]) -> f32
  /// [tiles * num_latents, hidden_size]
  Tensor forward(nn::Device& device, const Tensor& features,
                 std::span<const std::int64_t> ends) const;

 private:
  struct Layer {
    nn::RmsNorm latents_norm;
    nn::RmsNorm features_norm;
    nn::Linear query;
    nn::Linear key_value;  // keys above values
    nn::Linear output;
    nn::RmsNorm mlp_norm;
    nn::GatedMlp mlp;
  };
  struct Pages;
  Layer load_layer(nn::WeightLoader& weights, const std::string& name) const;
  void run_layer(nn::Device& device, const Layer& layer, const Tensor& latents,
                 const Tensor& features, const Pages& pages) const;

  ResamplerConfig config_;
  Tensor latents_;  // [num_latents, hidden_size]
  std::vector<Layer> layers_;
  nn::RmsNorm norm_;
};

}  // namespace saccade::models::idefics2
