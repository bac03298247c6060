// Linear attention by the gated delta rule (Yang et al., "Gated Delta Networks", 2025), as
// Qwen3.5 has it in the place of most attention layers.
#pragma once

#include <string>

#include "nn/layers.h"

namespace saccade::nn {

/// Sizes of such a layer. Each key head serves num_value_heads / num_key_heads value heads.
struct GatedDeltaConfig {
  int num_key_heads = 0;
  int num_value_heads = 0;
  int key_dim = 0;
  int value_dim = 0;
  int conv_taps = 0;  ///< tokens that the convolution of queries, keys and values sees

  std::int64_t keys() const { return std::int64_t{num_key_heads} * key_dim; }
  std::int64_t values() const { return std::int64_t{num_value_heads} * value_dim; }
  /// Queries, keys and values of a token.
  std::int64_t conv_channels() const { return 2 * keys() + values(); }
  compute::StateLayout state_layout(int num_layers) const {
    return {num_layers, num_value_heads, key_dim, value_dim, conv_taps, conv_channels()};
  }
};

/// What takes the place of attention: a token's queries, keys and values go through a short causal
/// convolution, and from there into a state that forgets and corrects itself. What the heads read
/// is normed and gated.
class GatedDeltaNet {
 public:
  /// Loads `name`.in_proj_qkv, .in_proj_z, .in_proj_b, .in_proj_a, .conv1d, .A_log, .dt_bias and
  /// .norm. What follows (.out_proj) is the caller's.
  static GatedDeltaNet load(WeightLoader& weights, const std::string& name,
                            std::int64_t hidden_size, const GatedDeltaConfig& config,
                            compute::Activation activation, float norm_eps);

  /// x f32 [rows, hidden_size], normed first -> [rows, num_value_heads * value_dim]. `layer` counts
  /// the layers that have states.
  Tensor forward(Device& device, const Tensor& x, const RmsNorm& input_norm,
                 compute::StateStore& states, int layer, const compute::SpanTable& spans) const;

 private:
  GatedDeltaConfig config_;
  compute::Activation activation_ = compute::Activation::kSilu;
  Linear qkvz_;   // what is convolved, and the gates of what comes out
  Linear ba_;     // [2 num_value_heads, hidden_size]: shares of what is new, and decays
  Tensor taps_;   // [conv_taps, conv_channels], the token's own last
  Tensor rates_;  // [num_value_heads]
  Tensor bias_;   // [num_value_heads], of the decays
  RmsNorm norm_;  // of each head
};

}  // namespace saccade::nn
