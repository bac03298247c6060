#include "models/qwen2_5_vl/vision.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace saccade::models::qwen2_5_vl {
namespace {

// Fixed in the reference implementation, not in the file.
constexpr float kNormEps = 1e-6f;

}  // namespace

WindowOrder window_order(const media::PatchGrid& grid, int merge_size, int window) {
  WindowOrder order;
  const int height = grid.h / merge_size;
  const int width = grid.w / merge_size;
  const std::int64_t unit = static_cast<std::int64_t>(merge_size) * merge_size;
  for (int t = 0; t < grid.t; ++t) {
    for (int top = 0; top < height; top += window) {
      for (int left = 0; left < width; left += window) {
        for (int y = top; y < std::min(height, top + window); ++y) {
          for (int x = left; x < std::min(width, left + window); ++x) {
            order.groups.push_back((t * height + y) * width + x);
          }
        }
        order.window_ends.push_back(static_cast<std::int64_t>(order.groups.size()) * unit);
      }
    }
    order.frame_ends.push_back(static_cast<std::int64_t>(order.groups.size()) * unit);
  }
  return order;
}

VisionTower::VisionTower(const VisionConfig& config, nn::WeightLoader& weights,
                         const std::string& prefix)
    : config_(config) {
  const std::int64_t unit =
      static_cast<std::int64_t>(config_.spatial_merge_size) * config_.spatial_merge_size;
  const std::int64_t merged = config_.hidden_size * unit;
  patch_embed_ = nn::Linear::load(weights, prefix + "patch_embed.proj", config_.hidden_size,
                                  config_.patch_elements(), false);
  for (int i = 0; i < config_.depth; ++i) {
    blocks_.push_back(load_block(weights, fmt::format("{}blocks.{}", prefix, i)));
  }
  merger_norm_ = nn::RmsNorm::load(weights, prefix + "merger.ln_q", config_.hidden_size, kNormEps);
  merger_up_ = nn::Linear::load(weights, prefix + "merger.mlp.0", merged, merged, true);
  merger_down_ =
      nn::Linear::load(weights, prefix + "merger.mlp.2", config_.out_hidden_size, merged, true);
}

VisionTower::Block VisionTower::load_block(nn::WeightLoader& weights,
                                           const std::string& name) const {
  const std::int64_t hidden = config_.hidden_size;
  return {nn::RmsNorm::load(weights, name + ".norm1", hidden, kNormEps),
          nn::Linear::load(weights, name + ".attn.qkv", 3 * hidden, hidden, true),
          nn::Linear::load(weights, name + ".attn.proj", hidden, hidden, true),
          nn::RmsNorm::load(weights, name + ".norm2", hidden, kNormEps),
          nn::GatedMlp::load(weights, name + ".mlp", hidden, config_.intermediate_size, true,
                             config_.activation)};
}

/// Row and column of each patch, [2, rows], in window order. Inside a merged patch the patches run
/// row by row.
std::vector<std::int32_t> VisionTower::positions(const media::PatchGrid& grid,
                                                 const WindowOrder& order) const {
  const int merge = config_.spatial_merge_size;
  const int width = grid.w / merge;
  const std::int64_t rows = static_cast<std::int64_t>(order.groups.size()) * merge * merge;
  std::vector<std::int32_t> result(2 * rows);
  std::int64_t row = 0;
  for (const std::int32_t group : order.groups) {
    const std::int32_t in_frame = group % (grid.h / merge * width);
    for (int y = 0; y < merge; ++y) {
      for (int x = 0; x < merge; ++x, ++row) {
        result[row] = in_frame / width * merge + y;
        result[rows + row] = in_frame % width * merge + x;
      }
    }
  }
  return result;
}

Tensor VisionTower::embed_patches(compute::Device& device, const media::Patches& patches,
                                  const WindowOrder& order) const {
  const std::int64_t unit =
      static_cast<std::int64_t>(config_.spatial_merge_size) * config_.spatial_merge_size;
  const auto groups = static_cast<std::int64_t>(order.groups.size());
  Tensor pixels = device.empty(DType::kF32, {groups * unit, config_.patch_elements()});
  device.upload(pixels, patches.values.data());
  const Tensor embedded = patch_embed_.forward(device, pixels);
  Tensor ordered = device.empty(DType::kF32, {groups, unit * config_.hidden_size});
  device.gather(ordered, embedded.view_as({groups, unit * config_.hidden_size}), order.groups);
  return ordered.view_as({groups * unit, config_.hidden_size});
}

Tensor VisionTower::attend(compute::Device& device, const Block& block, const Tensor& normed,
                           const nn::RotaryTable& rotary,
                           std::span<const std::int64_t> ends) const {
  const std::int64_t hidden = config_.hidden_size;
  const int head_dim = config_.head_dim();
  const Tensor qkv = block.qkv.forward(device, normed);
  device.rotary(qkv.view_columns(0, 2 * hidden), rotary.cos, rotary.sin, head_dim);
  Tensor attended = device.empty(DType::kF32, {normed.rows(), hidden});
  device.attention_segments(attended, qkv.view_columns(0, hidden), qkv.view_columns(hidden, hidden),
                            qkv.view_columns(2 * hidden, hidden),
                            {config_.num_heads, config_.num_heads, head_dim,
                             1.0f / std::sqrt(static_cast<float>(head_dim))},
                            ends);
  return block.proj.forward(device, attended);
}

Tensor VisionTower::merge(compute::Device& device, const Tensor& hidden_states) const {
  const std::int64_t unit =
      static_cast<std::int64_t>(config_.spatial_merge_size) * config_.spatial_merge_size;
  const Tensor normed = merger_norm_.forward(device, hidden_states);
  const Tensor inner = merger_up_.forward(
      device, normed.view_as({normed.rows() / unit, unit * config_.hidden_size}));
  device.activate(inner, compute::Activation::kGelu);
  return merger_down_.forward(device, inner);
}

Tensor VisionTower::forward(compute::Device& device, const media::Patches& patches) const {
  const media::PatchGrid& grid = patches.grid;
  const int merge_size = config_.spatial_merge_size;
  const std::int64_t rows = static_cast<std::int64_t>(grid.t) * grid.h * grid.w;
  if (grid.h % merge_size != 0 || grid.w % merge_size != 0 ||
      static_cast<std::int64_t>(patches.values.size()) != rows * config_.patch_elements()) {
    fail("[vision tower] grid {}x{}x{} with {} values does not fit patches of {} values", grid.t,
         grid.h, grid.w, patches.values.size(), config_.patch_elements());
  }
  const WindowOrder order = window_order(grid, merge_size, config_.window_merged());
  const Tensor hidden_states = embed_patches(device, patches, order);
  const nn::RotaryTable rotary =
      nn::make_rotary_table(device, nn::image_rotary(config_.rope_theta, config_.head_dim()),
                            positions(grid, order), rows);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const auto& full = config_.full_attention_blocks;
    const bool sees_all =
        std::find(full.begin(), full.end(), static_cast<std::int64_t>(i)) != full.end();
    const Tensor normed = block.norm1.forward(device, hidden_states);
    device.add(hidden_states, attend(device, block, normed, rotary,
                                     sees_all ? order.frame_ends : order.window_ends));
    device.add(hidden_states,
               block.mlp.forward(device, block.norm2.forward(device, hidden_states)));
  }
  const Tensor merged = merge(device, hidden_states);
  Tensor result = device.empty(DType::kF32, merged.shape());
  device.scatter(result, merged, order.groups);  // back to reading order
  return result;
}

}  // namespace saccade::models::qwen2_5_vl
