// The vision towers of Qwen2-VL (Wang et al., 2024) and Qwen3-VL (Qwen Team, 2025), whose blocks
// all see the whole picture.
#pragma once

#include <string>
#include <vector>

#include "models/qwen_vl/tower.h"

namespace saccade::models::qwen_vl {

/// In what the two differ.
struct PlainTowerForm {
  bool patch_bias = false;
  std::string mlp_up, mlp_down;                ///< names in a block
  std::string norm, merger_up, merger_down;    ///< names in a merger
  int position_side = 0;                       ///< of the learned grid of positions; 0: none
  std::vector<std::int64_t> deepstack_blocks;  ///< deepstack_merger_list.i merges after block [i]
};

/// Patch embedding, learned positions if any, pre-norm blocks with layer norms and rotary positions
/// in two axes, a merger; and mergers of earlier blocks' outputs, if any.
class PlainTower {
 public:
  PlainTower(const VisionConfig& config, PlainTowerForm form, nn::WeightLoader& weights,
             const std::string& prefix);

  /// Embeddings of one picture, [tokens, groups * out_hidden_size]: the merger's, and beside them
  /// the DeepStack features in the order of blocks.
  Tensor forward(compute::Device& device, const media::Patches& patches) const;

 private:
  struct Block {
    nn::LayerNorm norm1;
    TowerAttention attention;
    nn::LayerNorm norm2;
    nn::Mlp mlp;
  };
  struct Merger {
    nn::LayerNorm norm;  // over a patch, or over all patches of a token
    nn::Mlp mlp;
  };
  Block load_block(nn::WeightLoader& weights, const std::string& name) const;
  Merger load_merger(nn::WeightLoader& weights, const std::string& name, bool norm_merged) const;
  void add_positions(compute::Device& device, const Tensor& hidden_states,
                     const media::PatchGrid& grid) const;
  /// Puts a merger's output for all tokens into columns of `result`.
  void merge(compute::Device& device, const Merger& merger, const Tensor& hidden_states,
             const Tensor& result, std::int64_t group) const;

  VisionConfig config_;
  PlainTowerForm form_;
  nn::Linear patch_embed_;
  std::vector<float> positions_;  // [position_side^2, hidden_size]
  std::vector<Block> blocks_;
  Merger merger_;
  std::vector<Merger> deepstack_;
};

/// Where one side of a picture, `size` patches long, reads a learned grid `side` long: the ends of
/// both lie on each other (align_corners). A patch reads `first` and the one after it, that with
/// `share`.
struct GridReading {
  std::vector<int> first;
  std::vector<float> share;
};
GridReading read_grid(int size, int side);

}  // namespace saccade::models::qwen_vl
