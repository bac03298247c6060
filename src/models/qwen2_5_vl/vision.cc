#include "models/qwen2_5_vl/vision.h"

#include <fmt/format.h>

#include <algorithm>

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
  const std::int64_t merged = config_.hidden_size * config_.merge_unit();
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
          qwen_vl::TowerAttention::load(weights, name + ".attn", config_),
          nn::RmsNorm::load(weights, name + ".norm2", hidden, kNormEps),
          nn::GatedMlp::load(weights, name + ".mlp", hidden, config_.intermediate_size, true,
                             config_.activation)};
}

Tensor VisionTower::embed_patches(compute::Device& device, const media::Patches& patches,
                                  const WindowOrder& order) const {
  const auto groups = static_cast<std::int64_t>(order.groups.size());
  const std::int64_t group_size = config_.merge_unit() * config_.hidden_size;
  const Tensor embedded = qwen_vl::embed_patches(device, patches, config_, patch_embed_);
  Tensor ordered = device.empty(DType::kF32, {groups, group_size});
  device.gather(ordered, embedded.view_as({groups, group_size}), order.groups);
  return ordered.view_as({groups * config_.merge_unit(), config_.hidden_size});
}

Tensor VisionTower::merge(compute::Device& device, const Tensor& hidden_states,
                          std::span<const std::int32_t> groups) const {
  const std::int64_t unit = config_.merge_unit();
  const auto rows = static_cast<std::int64_t>(groups.size());
  Tensor merged = device.empty(DType::kF32, {rows, config_.out_hidden_size});
  nn::in_pieces(device, rows, [&](std::int64_t first, std::int64_t count) {
    const Tensor normed =
        merger_norm_.forward(device, hidden_states.view_rows(first * unit, count * unit));
    const Tensor inner =
        merger_up_.forward(device, normed.view_as({count, unit * config_.hidden_size}));
    device.activate(inner, compute::Activation::kGelu);
    device.scatter(merged, merger_down_.forward_f32(device, inner), groups.subspan(first, count));
  });
  return merged;
}

void VisionTower::run_block(compute::Device& device, const Block& block,
                            const Tensor& hidden_states, const nn::RotaryTable& rotary,
                            std::span<const std::int64_t> ends) {
  block.attention.add_to(device, hidden_states, hidden_states, &block.norm1, rotary, ends);
  block.mlp.add_to(device, hidden_states, hidden_states, &block.norm2);
}

void VisionTower::run_windows(compute::Device& device, const Block& block,
                              const Tensor& hidden_states, const nn::RotaryTable& rotary,
                              std::span<const std::int64_t> window_ends) {
  if (!nn::is_large(device, hidden_states.rows())) {
    return run_block(device, block, hidden_states, rotary, window_ends);
  }
  std::vector<std::int64_t> ends;  // of the windows in hand, from the first of their rows on
  std::int64_t first = 0;
  for (std::size_t i = 0; i < window_ends.size(); ++i) {
    ends.push_back(window_ends[i] - first);
    const bool more = i + 1 < window_ends.size();
    if (more && window_ends[i + 1] - first <= device.batch_tokens()) continue;
    const std::int64_t count = ends.back();
    run_block(device, block, hidden_states.view_rows(first, count),
              {rotary.cos.view_rows(first, count), rotary.sin.view_rows(first, count)}, ends);
    first += count;
    ends.clear();
  }
}

Tensor VisionTower::forward(compute::Device& device, const media::Patches& patches) const {
  const WindowOrder order =
      window_order(patches.grid, config_.spatial_merge_size, config_.window_merged());
  const Tensor hidden_states = embed_patches(device, patches, order);
  const nn::RotaryTable rotary = qwen_vl::patch_rotary(device, patches.grid, config_, order.groups);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const auto& full = config_.full_attention_blocks;
    const bool sees_all =
        std::find(full.begin(), full.end(), static_cast<std::int64_t>(i)) != full.end();
    if (sees_all) {
      run_block(device, blocks_[i], hidden_states, rotary, order.frame_ends);
    } else {
      run_windows(device, blocks_[i], hidden_states, rotary, order.window_ends);
    }
  }
  return merge(device, hidden_states, order.groups);
}

}  // namespace saccade::models::qwen2_5_vl
