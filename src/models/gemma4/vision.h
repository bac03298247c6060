// Gemma 4's vision tower: pictures of any shape, four norms a layer, two-dimensional rotary
// positions, and k x k patches pooled to a token.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "media/patches.h"
#include "nn/layers.h"
#include "nn/rotary.h"

namespace saccade::models::gemma4 {

struct VisionConfig {
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  int patch_size = 0;
  int pool = 0;       ///< patches along the side of a token
  int positions = 0;  ///< patches along a side of a picture at most
  double rope_theta = 100.0;
  float norm_eps = 1e-6f;
  compute::Activation activation = compute::Activation::kGeluTanh;
  bool clipped = false;       ///< inputs and outputs of linear maps are clamped
  bool standardized = false;  ///< tokens are shifted and scaled by vectors of the file

  std::int64_t patch_elements() const { return std::int64_t{3} * patch_size * patch_size; }
};

/// Linear maps of one input, outputs side by side; each may clamp what goes in and what comes out.
class ClippedLinear {
 public:
  /// Loads `name`.linear.weight of each name, and where it is `clipped` the bounds
  /// `name`.input_min, .input_max, .output_min and .output_max.
  static ClippedLinear load(nn::WeightLoader& weights, const std::vector<std::string>& names,
                            const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                            bool clipped);

  /// x [rows, inputs] -> [rows, outputs] for the next layer
  Tensor forward(compute::Device& device, const Tensor& x) const;
  /// The same as f32, for what layers add to.
  Tensor forward_f32(compute::Device& device, const Tensor& x) const;

 private:
  struct Bounds {
    float low = -std::numeric_limits<float>::infinity();
    float high = std::numeric_limits<float>::infinity();
  };
  struct Part {
    nn::Linear linear;
    std::int64_t outputs = 0;
    std::optional<Bounds> input, output;
  };
  static Bounds load_bounds(nn::WeightLoader& weights, const std::string& name);
  void forward_to(compute::Device& device, const Tensor& y, const Tensor& x) const;

  std::vector<Part> parts_;
  std::int64_t outputs_ = 0;
};

class Vision {
 public:
  /// Loads the tower's tensors, whose names begin with `prefix`.
  Vision(const VisionConfig& config, nn::WeightLoader& weights, const std::string& prefix);

  /// One picture's tokens, f32 [h / pool * w / pool, hidden_size]. Patch values are pixels in
  /// [0, 1]. Throws Error when the patches are not what the tower takes.
  Tensor forward(compute::Device& device, const media::Patches& patches) const;

 private:
  struct Layer {
    nn::RmsNorm attention_norm;
    ClippedLinear qkv;
    nn::RmsNorm query_norm;
    nn::RmsNorm key_norm;
    nn::RmsNorm value_norm;  ///< without weights
    ClippedLinear output;
    nn::RmsNorm attention_output_norm;
    nn::RmsNorm mlp_norm;
    ClippedLinear gate_up;
    ClippedLinear down;
    nn::RmsNorm mlp_output_norm;
  };
  Layer load_layer(nn::WeightLoader& weights, const std::string& name) const;
  Tensor embed(compute::Device& device, const media::Patches& patches) const;
  Tensor attend(compute::Device& device, const Layer& layer, const Tensor& hidden_states,
                const nn::RotaryTable& rotary) const;
  void add_mlp(compute::Device& device, const Layer& layer, const Tensor& hidden_states) const;
  Tensor pooled(compute::Device& device, const Tensor& features,
                const media::PatchGrid& grid) const;

  VisionConfig config_;
  nn::Linear patch_;
  Tensor positions_;  // [2 * positions, hidden_size]: of columns, then of rows
  std::vector<Layer> layers_;
  /// Columns of queries, keys and values in an order in which Device::rotary turns what belongs
  /// together.
  std::vector<std::int32_t> rotary_order_;
  Tensor shift_;   // [1, hidden_size] or empty
  Tensor factor_;  // [hidden_size] or empty
};

}  // namespace saccade::models::gemma4
