// The vision tower of Qwen2.5-VL (Bai et al., 2025).
#pragma once

#include <string>
#include <vector>

#include "media/patches.h"
#include "models/qwen2_5_vl/config.h"
#include "models/qwen_vl/tower.h"
#include "nn/layers.h"

namespace saccade::models::qwen2_5_vl {

/// Patches regrouped so that every attention window is a run of rows.
struct WindowOrder {
  std::vector<std::int32_t> groups;       ///< merged patch at each new place, [groups]
  std::vector<std::int64_t> window_ends;  ///< in patches
  std::vector<std::int64_t> frame_ends;   ///< in patches
};

/// The order of a grid of patches under windows of `window` x `window` merged patches; windows at
/// the right and lower edge are smaller.
WindowOrder window_order(const media::PatchGrid& grid, int merge_size, int window);

/// Patch embedding, pre-norm blocks of window or full attention with two-dimensional rotary
/// positions, and a merger of merge_size^2 neighbours into one token.
class VisionTower {
 public:
  VisionTower(const VisionConfig& config, nn::WeightLoader& weights, const std::string& prefix);

  /// Embeddings of one picture, [grid.t * grid.h * grid.w / merge_size^2, out_hidden_size].
  Tensor forward(compute::Device& device, const media::Patches& patches) const;

 private:
  struct Block {
    nn::RmsNorm norm1;
    qwen_vl::TowerAttention attention;
    nn::RmsNorm norm2;
    nn::GatedMlp mlp;
  };
  Block load_block(nn::WeightLoader& weights, const std::string& name) const;
  static void run_block(compute::Device& device, const Block& block, const Tensor& hidden_states,
                        const nn::RotaryTable& rotary, std::span<const std::int64_t> ends);
  /// The same for a large picture, some windows at a time: what a block keeps of them is small
  /// then.
  static void run_windows(compute::Device& device, const Block& block, const Tensor& hidden_states,
                          const nn::RotaryTable& rotary, std::span<const std::int64_t> window_ends);
  /// Merged patches in reading order, `groups` naming those of the rows.
  Tensor merge(compute::Device& device, const Tensor& hidden_states,
               std::span<const std::int32_t> groups) const;
  Tensor embed_patches(compute::Device& device, const media::Patches& patches,
                       const WindowOrder& order) const;

  VisionConfig config_;
  nn::Linear patch_embed_;
  std::vector<Block> blocks_;
  nn::RmsNorm merger_norm_;
  nn::Linear merger_up_;
  nn::Linear merger_down_;
};

}  // namespace saccade::models::qwen2_5_vl
