// DaViT (Ding et al., 2022): a tower of stages whose maps become smaller and deeper, in blocks of
// attention between the places of a window and of attention between channels.
#pragma once

#include <string>
#include <vector>

#include "media/patches.h"
#include "nn/convolution.h"
#include "nn/layers.h"

namespace saccade::nn {

/// A convolution to the stage's size, and its blocks.
struct DavitStage {
  int depth = 0;  ///< pairs of a spatial and a channel block
  std::int64_t channels = 0;
  std::int64_t intermediate_size = 0;  ///< of the blocks' MLPs
  int num_heads = 0;                   ///< of spatial attention
  int num_groups = 0;                  ///< of channel attention
  Window window;                       ///< of the convolution
  bool norm_first = false;  ///< the stage's norm comes before the convolution and not behind it
};

struct DavitConfig {
  std::vector<DavitStage> stages;  ///< at least one
  std::int64_t input_channels = 3;
  int window_size = 0;  ///< places along the sides of a window
  bool qkv_bias = true;
  compute::Activation activation = compute::Activation::kGelu;
  float norm_eps = 1e-5f;

  std::int64_t output_size() const { return stages.back().channels; }
  /// The sides of the map that the tower makes of a picture of these; 0 where nothing is left.
  media::Size output_map(media::Size pixels) const;
};

/// A tower over one picture.
class Davit {
 public:
  Davit(DavitConfig config, WeightLoader& weights, const std::string& prefix);

  const DavitConfig& config() const { return config_; }

  /// The features of one picture as a map, f32, of output_size channels. The picture's patches are
  /// single pixels.
  FeatureMaps forward(Device& device, const media::Patches& pixels) const;

 private:
  /// Of places in a window, or of channels.
  struct Block {
    DepthwiseConv first;
    LayerNorm attention_norm;
    Linear qkv;
    Linear output;
    DepthwiseConv second;
    LayerNorm mlp_norm;
    Mlp mlp;
  };
  struct Stage {
    LayerNorm norm;
    Conv2d convolution;
    std::vector<Block> blocks;  // spatial and channel blocks in turn
  };
  /// The places of a map, window by window; those that fill up windows at its right and lower
  /// border are zeros that take part.
  struct Windows {
    std::vector<std::int32_t> places;  ///< of each window row; the number of places: zeros
    std::vector<std::int32_t> rows;    ///< of each place: where it went
    std::vector<std::int64_t> ends;    ///< of each window
  };
  Stage load_stage(WeightLoader& weights, const std::string& prefix, std::size_t index) const;
  Block load_block(WeightLoader& weights, const std::string& name, const std::string& attention,
                   const DavitStage& stage) const;
  Windows cut_windows(const FeatureMaps& x) const;
  static Tensor attend_windows(Device& device, const DavitStage& stage, const Block& block,
                               const Tensor& x, const Windows& windows);
  static Tensor attend_channels(Device& device, const DavitStage& stage, const Block& block,
                                const Tensor& x);
  FeatureMaps run_convolution(Device& device, std::size_t stage, const FeatureMaps& x) const;
  void run_blocks(Device& device, std::size_t stage, const FeatureMaps& x) const;

  DavitConfig config_;
  std::vector<Stage> stages_;
};

}  // namespace saccade::nn
