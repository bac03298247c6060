#include "models/qwen_vl/plain_tower.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace saccade::models::qwen_vl {
namespace {

// Fixed in the reference implementation, not in the file.
constexpr float kNormEps = 1e-6f;

std::vector<std::int32_t> counting(std::int64_t count) {
  std::vector<std::int32_t> ids(count);
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

}  // namespace

GridReading read_grid(int size, int side) {
  GridReading reading;
  for (int i = 0; i < size; ++i) {
    // In float, as the reference computes it.
    const float at = static_cast<float>(i) * static_cast<float>(side - 1) /
                     static_cast<float>(std::max(size - 1, 1));
    reading.first.push_back(static_cast<int>(at));
    reading.share.push_back(at - std::floor(at));
  }
  return reading;
}

PlainTower::PlainTower(const VisionConfig& config, PlainTowerForm form, nn::WeightLoader& weights,
                       const std::string& prefix)
    : config_(config), form_(std::move(form)) {
  patch_embed_ = nn::Linear::load(weights, prefix + "patch_embed.proj", config_.hidden_size,
                                  config_.patch_elements(), form_.patch_bias);
  if (const std::int64_t side = form_.position_side; side > 0) {
    // Checked against the file before memory is taken for it.
    const Tensor table =
        weights.table(prefix + "pos_embed.weight", side * side, config_.hidden_size);
    positions_.resize(table.shape().elements());
    weights.device().download(positions_.data(), table);
  }
  for (int i = 0; i < config_.depth; ++i) {
    blocks_.push_back(load_block(weights, fmt::format("{}blocks.{}", prefix, i)));
  }
  merger_ = load_merger(weights, prefix + "merger", false);
  for (std::size_t i = 0; i < form_.deepstack_blocks.size(); ++i) {
    deepstack_.push_back(
        load_merger(weights, fmt::format("{}deepstack_merger_list.{}", prefix, i), true));
  }
}

PlainTower::Block PlainTower::load_block(nn::WeightLoader& weights, const std::string& name) const {
  const std::int64_t hidden = config_.hidden_size;
  return {nn::LayerNorm::load(weights, name + ".norm1", hidden, kNormEps),
          TowerAttention::load(weights, name + ".attn", config_),
          nn::LayerNorm::load(weights, name + ".norm2", hidden, kNormEps),
          nn::Mlp::load(weights, name + "." + form_.mlp_up, name + "." + form_.mlp_down, hidden,
                        config_.intermediate_size, hidden, config_.activation)};
}

PlainTower::Merger PlainTower::load_merger(nn::WeightLoader& weights, const std::string& name,
                                           bool norm_merged) const {
  const std::int64_t merged = config_.hidden_size * config_.merge_unit();
  return {nn::LayerNorm::load(weights, name + "." + form_.norm,
                              norm_merged ? merged : config_.hidden_size, kNormEps),
          nn::Mlp::load(weights, name + "." + form_.merger_up, name + "." + form_.merger_down,
                        merged, merged, config_.out_hidden_size, compute::Activation::kGelu)};
}

void PlainTower::add_positions(compute::Device& device, const Tensor& hidden_states,
                               const media::PatchGrid& grid) const {
  const int side = form_.position_side;
  const int merge = config_.spatial_merge_size;
  const std::int64_t hidden = config_.hidden_size;
  const GridReading down = read_grid(grid.h, side);
  const GridReading across = read_grid(grid.w, side);
  std::vector<float> values(static_cast<std::size_t>(grid.t) * grid.h * grid.w * hidden);
  float* out = values.data();
  // Patches come in whole merged patches, and each picture of a video has the same positions.
  for (int t = 0; t < grid.t; ++t) {
    for (int group = 0; group < grid.h / merge * (grid.w / merge); ++group) {
      for (int inner = 0; inner < merge * merge; ++inner, out += hidden) {
        const int y = group / (grid.w / merge) * merge + inner / merge;
        const int x = group % (grid.w / merge) * merge + inner % merge;
        for (int corner = 0; corner < 4; ++corner) {
          const int row = std::min(down.first[y] + corner / 2, side - 1);
          const int column = std::min(across.first[x] + corner % 2, side - 1);
          const float weight = (corner / 2 ? down.share[y] : 1.0f - down.share[y]) *
                               (corner % 2 ? across.share[x] : 1.0f - across.share[x]);
          const float* learned =
              &positions_[(static_cast<std::int64_t>(row) * side + column) * hidden];
          for (std::int64_t i = 0; i < hidden; ++i) out[i] += weight * learned[i];
        }
      }
    }
  }
  Tensor positions = device.empty(DType::kF32, hidden_states.shape());
  device.upload(positions, values.data());
  device.add(hidden_states, positions);
}

void PlainTower::merge(compute::Device& device, const Merger& merger, const Tensor& hidden_states,
                       const Tensor& result, std::int64_t group) const {
  const Shape merged{hidden_states.rows() / config_.merge_unit(),
                     config_.merge_unit() * config_.hidden_size};
  const bool norm_merged = merger.norm.weight.size(0) != config_.hidden_size;
  const Tensor normed = norm_merged ? merger.norm.forward(device, hidden_states.view_as(merged))
                                    : merger.norm.forward(device, hidden_states).view_as(merged);
  const std::int64_t size = config_.out_hidden_size;
  device.gather(result.view_columns(group * size, size), merger.mlp.forward_f32(device, normed),
                counting(merged[0]));
}

Tensor PlainTower::forward(compute::Device& device, const media::Patches& patches) const {
  const media::PatchGrid& grid = patches.grid;
  const Tensor hidden_states =
      patch_embed_.forward_f32(device, upload_patches(device, patches, config_));
  if (form_.position_side > 0) add_positions(device, hidden_states, grid);
  const std::int64_t tokens = hidden_states.rows() / config_.merge_unit();
  const nn::RotaryTable rotary = patch_rotary(device, grid, config_, counting(tokens));
  std::vector<std::int64_t> frame_ends;
  for (int t = 1; t <= grid.t; ++t) {
    frame_ends.push_back(static_cast<std::int64_t>(t) * grid.h * grid.w);
  }
  const auto features = static_cast<std::int64_t>(deepstack_.size());
  Tensor result = device.empty(DType::kF32, {tokens, (1 + features) * config_.out_hidden_size});
  std::int64_t group = 1;
  for (int i = 0; i < config_.depth; ++i) {
    const Block& block = blocks_[i];
    const Tensor normed = block.norm1.forward(device, hidden_states);
    block.attention.add_to(device, hidden_states, normed, nullptr, rotary, frame_ends);
    block.mlp.add_to(device, hidden_states, block.norm2.forward(device, hidden_states));
    const auto& taken = form_.deepstack_blocks;
    const auto found = std::find(taken.begin(), taken.end(), i);
    if (found == taken.end()) continue;
    merge(device, deepstack_[found - taken.begin()], hidden_states, result, group++);
  }
  merge(device, merger_, hidden_states, result, 0);
  return result;
}

}  // namespace saccade::models::qwen_vl
