// The image encoder of Segment Anything (Kirillov et al., 2023) as DeepSeek-OCR 2 has it: a vision
// transformer with attention in windows and relative positions, and convolutions that make its map
// sixteen times smaller.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "models/deepseek_ocr2/grid_attention.h"
#include "nn/convolution.h"

namespace saccade::models::deepseek_ocr2 {

/// Places along the side of a map for one of what comes out.
inline constexpr int kDownsampling = 4;

struct SamConfig {
  std::int64_t hidden_size = 0;
  std::int64_t mlp_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int patch_size = 0;
  int grid = 0;              ///< patches along the side of the picture that positions are for
  int window = 0;            ///< patches along the side of a window
  std::vector<bool> global;  ///< layers in which all patches see each other
  bool qkv_bias = true;
  float norm_eps = 1e-6f;
  compute::Activation activation = compute::Activation::kGelu;
  std::int64_t neck_channels = 0;
  std::array<std::int64_t, 2> downsample_channels = {};

  std::int64_t output_size() const { return downsample_channels[1]; }
};

/// `table` [from * from, n] scaled to [to * to, n] as PyTorch's interpolate(mode="bicubic",
/// antialias=True) does it: Keys' cubic with a = -0.5, widened where the map shrinks.
std::vector<float> scale_positions(const std::vector<float>& table, int from, int to,
                                   std::int64_t n);

class SamTower {
 public:
  /// Loads all tensors below `prefix`.
  SamTower(const SamConfig& config, nn::WeightLoader& weights, const std::string& prefix);

  /// Patches f32 [side * side, 3 * patch_size^2] of a square view -> [side / 4 * side / 4,
  /// output_size]
  Tensor forward(nn::Device& device, const Tensor& patches, int side);

 private:
  struct Layer {
    nn::LayerNorm attention_norm;
    GridAttention attention;
    nn::LayerNorm mlp_norm;
    nn::Mlp mlp;
  };
  /// hidden_states += what attention gives for windows of them, or for all.
  void attend(nn::Device& device, Layer& layer, const Tensor& hidden_states,
              const GridLayout& layout, std::span<const std::int32_t> into_windows,
              std::span<const std::int32_t> out_of_windows) const;
  const Tensor& positions(nn::Device& device, int side);

  SamConfig config_;
  nn::Linear patch_;
  std::vector<float> position_table_;  // [grid * grid, hidden_size]
  std::map<int, Tensor> positions_;    // by the side of the view
  Tensor zeros_;                       // [1, hidden_size]
  std::vector<Layer> layers_;
  nn::Linear neck_;
  nn::LayerNorm neck_norm_;
  nn::Conv2d neck_conv_;
  nn::LayerNorm neck_conv_norm_;
  std::array<nn::Conv2d, 2> downsample_;
};

}  // namespace saccade::models::deepseek_ocr2
