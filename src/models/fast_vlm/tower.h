// FastViTHD (Vasu et al., 2024): stages of convolutions that halve a picture six times, with
// attention in the last two, as timm's "fastvit_mci3" with its branches merged.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "media/patches.h"
#include "nn/convolution.h"

namespace saccade::models::fast_vlm {

/// Pixels along the side of an output place.
inline constexpr int kTotalStride = 64;
/// The first stage with attention, and the size of its heads.
inline constexpr int kFirstAttentionStage = 3;
inline constexpr int kHeadDim = 32;

struct TowerConfig {
  static constexpr int kStages = 5;
  std::array<int, kStages> layers = {2, 12, 24, 4, 2};
  std::array<std::int64_t, kStages> widths = {96, 192, 384, 768, 1536};  ///< channels

  std::int64_t output_size() const { return 2 * widths.back(); }
};

class Tower {
 public:
  /// Loads all tensors below `prefix`.
  Tower(const TowerConfig& config, nn::WeightLoader& weights, const std::string& prefix);

  /// Pixels, as patches of one by one, of which both sides are multiples of kTotalStride -> f32
  /// [places, output_size], row by row.
  Tensor forward(nn::Device& device, const media::Patches& patches) const;

 private:
  /// x += scale * fc2(gelu(fc1(conv(x))))
  struct ConvMlp {
    nn::DepthwiseConv conv;
    nn::Mlp mlp;
    Tensor scale;  // [channels]

    static ConvMlp load(nn::WeightLoader& weights, const std::string& name,
                        const std::string& scale, std::int64_t channels);
    void add_to(nn::Device& device, const nn::FeatureMaps& x) const;
  };
  /// What mixes places in a block: a convolution that takes the place of its input, or attention of
  /// all places that is added to it.
  struct Attention {
    nn::LayerNorm norm;
    nn::Linear qkv;
    nn::Linear output;
    Tensor scale;  // [channels]

    void add_to(nn::Device& device, const nn::FeatureMaps& x) const;
  };
  struct Block {
    std::optional<nn::DepthwiseConv> mixer;
    std::optional<Attention> attention;
    ConvMlp mlp;
  };
  struct Stage {
    std::optional<nn::DepthwiseConv> downsample;
    nn::Linear widen;  // after it
    std::optional<nn::DepthwiseConv> positions;
    std::vector<Block> blocks;
  };
  static Block load_block(nn::WeightLoader& weights, const std::string& name, std::int64_t channels,
                          bool with_attention);
  Stage load_stage(nn::WeightLoader& weights, const std::string& prefix, int index) const;
  nn::FeatureMaps run_stem(nn::Device& device, const media::Patches& patches) const;
  void run_stage(nn::Device& device, const Stage& stage, nn::FeatureMaps& x) const;

  TowerConfig config_;
  nn::Conv2d stem_conv_;
  nn::DepthwiseConv stem_downsample_;
  nn::Linear stem_mix_;
  std::vector<Stage> stages_;
  nn::DepthwiseConv final_conv_;
  nn::Linear squeeze_;  // of the channels' means, to their gates (Hu et al., 2018)
  nn::Linear excite_;
};

}  // namespace saccade::models::fast_vlm
