#include "models/qwen_vl/tower.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace saccade::models::qwen_vl {
namespace {

constexpr int kHeadGroups = 8;

}  // namespace

std::string find_vision(const checkpoint::Checkpoint& checkpoint) {
  for (const char* prefix : {"visual.", "model.visual."}) {
    if (checkpoint.has(std::string(prefix) + "patch_embed.proj.weight")) return prefix;
  }
  fail("{}: the weights hold no visual.patch_embed.proj.weight under any name known",
       checkpoint.where());
}

Tensor embed_patches(compute::Device& device, const media::Patches& patches,
                     const VisionConfig& config, const nn::Linear& map) {
  const media::PatchGrid& grid = patches.grid;
  const int merge = config.spatial_merge_size;
  const std::int64_t rows = static_cast<std::int64_t>(grid.t) * grid.h * grid.w;
  if (grid.h % merge != 0 || grid.w % merge != 0 ||
      static_cast<std::int64_t>(patches.values.size()) != rows * config.patch_elements()) {
    fail("[vision tower] grid {}x{}x{} with {} values does not fit patches of {} values", grid.t,
         grid.h, grid.w, patches.values.size(), config.patch_elements());
  }
  Tensor embedded = device.empty(DType::kF32, {rows, config.hidden_size});
  nn::in_pieces(device, rows, [&](std::int64_t first, std::int64_t count) {
    Tensor pixels = device.empty(DType::kF32, {count, config.patch_elements()});
    device.upload(pixels, patches.values.data() + first * config.patch_elements());
    map.forward_to(device, embedded.view_rows(first, count), pixels);
  });
  return embedded;
}

nn::RotaryTable patch_rotary(compute::Device& device, const media::PatchGrid& grid,
                             const VisionConfig& config, std::span<const std::int32_t> groups) {
  const int merge = config.spatial_merge_size;
  const int width = grid.w / merge;
  const std::int64_t rows = static_cast<std::int64_t>(groups.size()) * config.merge_unit();
  std::vector<std::int32_t> positions(2 * rows);  // [2, rows]: row and column of each patch
  std::int64_t row = 0;
  for (const std::int32_t group : groups) {
    const std::int32_t in_frame = group % (grid.h / merge * width);
    for (int y = 0; y < merge; ++y) {
      for (int x = 0; x < merge; ++x, ++row) {
        positions[row] = in_frame / width * merge + y;
        positions[rows + row] = in_frame % width * merge + x;
      }
    }
  }
  return nn::make_rotary_table(device, nn::image_rotary(config.rope_theta, config.head_dim()),
                               positions, rows);
}

TowerAttention TowerAttention::load(nn::WeightLoader& weights, const std::string& name,
                                    const VisionConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const int head_dim = config.head_dim();
  return {nn::Linear::load(weights, name + ".qkv", 3 * hidden, hidden, true),
          nn::Linear::load(weights, name + ".proj", hidden, hidden, true),
          {config.num_heads, config.num_heads, head_dim,
           1.0f / std::sqrt(static_cast<float>(head_dim))}};
}

std::vector<TowerAttention::HeadGroup> TowerAttention::head_groups(compute::Device& device) const {
  const std::int64_t hidden = std::int64_t{shape.num_heads} * shape.head_dim;
  const int step = std::max(1, shape.num_heads / kHeadGroups);
  std::vector<HeadGroup> groups;
  for (int head = 0; head < shape.num_heads; head += step) {
    const int heads = std::min(step, shape.num_heads - head);
    const std::int64_t first = std::int64_t{head} * shape.head_dim;
    const std::int64_t width = std::int64_t{heads} * shape.head_dim;
    const compute::OutputRange ranges[] = {
        {first, width}, {hidden + first, width}, {2 * hidden + first, width}};
    std::optional<nn::Linear> map = qkv.part(device, ranges);
    if (!map) return {};
    groups.push_back({head, heads, std::move(*map)});
  }
  return groups;
}

Tensor TowerAttention::attend_in_groups(compute::Device& device, const Tensor& x,
                                        const nn::RmsNorm* norm, const nn::RotaryTable& rotary,
                                        std::span<const std::int64_t> ends,
                                        const std::vector<HeadGroup>& groups) const {
  Tensor attended = device.activations({x.rows(), x.size(1)});
  for (const HeadGroup& group : groups) {
    const std::int64_t width = std::int64_t{group.count} * shape.head_dim;
    const Tensor all = device.activations({x.rows(), 3 * width});
    group.qkv.forward_to(device, all, x, norm);
    compute::AttentionShape some = shape;
    some.num_heads = some.num_kv_heads = group.count;
    device.rotary_attention_segments(
        attended.view_columns(std::int64_t{group.first} * shape.head_dim, width), all, rotary.cos,
        rotary.sin, some, ends);
  }
  return attended;
}

Tensor TowerAttention::attend(compute::Device& device, const Tensor& x, const nn::RmsNorm* norm,
                              const nn::RotaryTable& rotary,
                              std::span<const std::int64_t> ends) const {
  // Queries, keys and values of a large picture take three times the memory of what is between two
  // layers, and a device may keep a copy in a form of its own: so a few heads at a time, each of
  // which is the same work. Their inputs are normed and rounded for each group again.
  if (nn::is_large(device, x.rows())) {
    if (const std::vector<HeadGroup> groups = head_groups(device); !groups.empty()) {
      return attend_in_groups(device, x, norm, rotary, ends, groups);
    }
  }
  const std::int64_t hidden = x.size(1);
  const Tensor all = qkv.forward(device, x, norm);
  Tensor attended = device.activations({x.rows(), hidden});
  device.rotary_attention_segments(attended, all, rotary.cos, rotary.sin, shape, ends);
  return attended;
}

void TowerAttention::add_to(compute::Device& device, const Tensor& y, const Tensor& x,
                            const nn::RmsNorm* norm, const nn::RotaryTable& rotary,
                            std::span<const std::int64_t> ends) const {
  proj.add_to(device, y, attend(device, x, norm, rotary, ends));
}

}  // namespace saccade::models::qwen_vl
