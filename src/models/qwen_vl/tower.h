// Pieces of the Qwen-VL families' vision towers.
#pragma once

#include <string>
#include <vector>

#include "media/patches.h"
#include "models/qwen_vl/config.h"
#include "nn/layers.h"
#include "nn/rotary.h"

namespace saccade::models::qwen_vl {

/// The prefix of the tower's tensors in the checkpoint, "visual." or "model.visual.". Throws Error
/// when there is none.
std::string find_vision(const checkpoint::Checkpoint& checkpoint);

/// What a linear map makes of the pixels of all patches, f32 [rows, hidden_size]. Throws Error when
/// grid and values do not fit the tower.
Tensor embed_patches(compute::Device& device, const media::Patches& patches,
                     const VisionConfig& config, const nn::Linear& map);

/// Angles for patches in rows of whole merged patches: `groups` names the merged patch of each
/// merge_size^2 rows, and inside one the patches run row by row.
nn::RotaryTable patch_rotary(compute::Device& device, const media::PatchGrid& grid,
                             const VisionConfig& config, std::span<const std::int32_t> groups);

/// Attention of patches to all others of a segment.
struct TowerAttention {
  nn::Linear qkv;
  nn::Linear proj;
  compute::AttentionShape shape;

  /// Loads `name`.qkv and `name`.proj.
  static TowerAttention load(nn::WeightLoader& weights, const std::string& name,
                             const VisionConfig& config);

  /// y f32 [rows, hidden_size] += attention of x, normed first where a norm is given; segments as
  /// in Device::attention_segments.
  void add_to(compute::Device& device, const Tensor& y, const Tensor& x, const nn::RmsNorm* norm,
              const nn::RotaryTable& rotary, std::span<const std::int64_t> ends) const;

 private:
  /// Heads [first, first + count), and the map to their queries, keys and values.
  struct HeadGroup {
    int first;
    int count;
    nn::Linear qkv;
  };

  /// None where a device cannot split the map.
  std::vector<HeadGroup> head_groups(compute::Device& device) const;
  /// What all heads make of x, [rows, hidden_size], all together or a group after the other.
  Tensor attend(compute::Device& device, const Tensor& x, const nn::RmsNorm* norm,
                const nn::RotaryTable& rotary, std::span<const std::int64_t> ends) const;
  Tensor attend_in_groups(compute::Device& device, const Tensor& x, const nn::RmsNorm* norm,
                          const nn::RotaryTable& rotary, std::span<const std::int64_t> ends,
                          const std::vector<HeadGroup>& groups) const;
};

}  // namespace saccade::models::qwen_vl
