#include "nn/vit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace saccade::nn {
namespace {

template <typename Layer>
Tensor apply(Device& device, const Layer& layer, const Tensor& x) {
  return std::visit([&](const auto& kind) { return kind.forward(device, x); }, layer);
}

/// y += layer(x)
template <typename Layer>
void apply_to(Device& device, const Layer& layer, const Tensor& y, const Tensor& x) {
  std::visit([&](const auto& kind) { kind.add_to(device, y, x); }, layer);
}

/// Row and column of every patch of every tile, [2, patches].
std::vector<std::int32_t> grid_positions(std::span<const media::Size> tiles) {
  std::vector<std::int32_t> rows;
  std::vector<std::int32_t> columns;
  for (const media::Size& tile : tiles) {
    for (int row = 0; row < tile.height; ++row) {
      for (int column = 0; column < tile.width; ++column) {
        rows.push_back(row);
        columns.push_back(column);
      }
    }
  }
  rows.insert(rows.end(), columns.begin(), columns.end());
  return rows;
}

}  // namespace

Vit::Vit(VitConfig config, WeightLoader& weights, const std::string& prefix)
    : config_(std::move(config)) {
  load_embeddings(weights, prefix);
  const VitNames& names = config_.names;
  if (!names.pre_norm.empty()) pre_norm_ = load_norm(weights, prefix + names.pre_norm);
  const int depth = *std::max_element(config_.features.begin(), config_.features.end());
  for (int i = 0; i < depth; ++i) {
    layers_.push_back(load_layer(weights, fmt::format("{}{}.{}.", prefix, names.layers, i)));
  }
  if (config_.apply_post_norm) {
    post_norm_ =
        LayerNorm::load(weights, prefix + names.post_norm, config_.hidden_size, config_.norm_eps);
  }
  leave_out_rest(weights, prefix, depth);
}

void Vit::leave_out_rest(WeightLoader& weights, const std::string& prefix, int depth) const {
  const VitNames& names = config_.names;
  for (int i = depth; i < config_.num_layers; ++i) {
    weights.leave_out(fmt::format("{}{}.{}.", prefix, names.layers, i));
  }
  if (!config_.apply_post_norm && !names.post_norm.empty()) {
    weights.leave_out(prefix + names.post_norm + ".");
  }
  if (!names.pooling_head.empty()) weights.leave_out(prefix + names.pooling_head + ".");
}

void Vit::load_embeddings(WeightLoader& weights, const std::string& prefix) {
  const std::int64_t hidden = config_.hidden_size;
  const VitNames& names = config_.names;
  patch_ = Linear::load(weights, prefix + names.patch, hidden, config_.patch_elements(),
                        config_.patch_bias);
  if (config_.has_class_token()) {
    class_token_ = weights.table(prefix + names.class_token, 1, hidden);
  }
  if (!names.position.empty()) {
    const std::int64_t places = std::int64_t{config_.grid_height} * config_.grid_width +
                                (config_.has_class_token() ? 1 : 0);
    positions_ = weights.table(prefix + names.position, places, hidden);
  }
}

Vit::Norm Vit::load_norm(WeightLoader& weights, const std::string& name) const {
  if (config_.rms_norms) {
    return RmsNorm::load(weights, name, config_.hidden_size, config_.norm_eps);
  }
  return LayerNorm::load(weights, name, config_.hidden_size, config_.norm_eps);
}

Vit::Layer Vit::load_layer(WeightLoader& weights, const std::string& name) const {
  const std::int64_t hidden = config_.hidden_size;
  const VitNames& names = config_.names;
  Layer layer;
  layer.attention_norm = load_norm(weights, name + names.attention_norm);
  layer.qkv =
      Linear::load_stacked(weights, {name + names.query, name + names.key, name + names.value},
                           {hidden, hidden, hidden}, hidden, config_.attention_bias);
  if (!names.query_norm.empty()) {
    // Over all heads at once, and always with the norm's own default of eps.
    layer.query_norm = RmsNorm::load(weights, name + names.query_norm, hidden, 1e-6f);
    layer.key_norm = RmsNorm::load(weights, name + names.key_norm, hidden, 1e-6f);
  }
  layer.output = Linear::load(weights, name + names.output, hidden, hidden, config_.output_bias);
  if (!names.attention_scale.empty()) {
    layer.attention_scale = weights.vector(name + names.attention_scale, hidden);
    layer.mlp_scale = weights.vector(name + names.mlp_scale, hidden);
  }
  layer.mlp_norm = load_norm(weights, name + names.mlp_norm);
  const std::string mlp = name + names.mlp;
  if (config_.gated_mlp) {
    layer.mlp = GatedMlp::load(weights, mlp, hidden, config_.intermediate_size, config_.mlp_bias,
                               config_.activation);
  } else {
    layer.mlp = Mlp::load(weights, mlp + ".fc1", mlp + ".fc2", hidden, config_.intermediate_size,
                          hidden, config_.activation);
  }
  return layer;
}

void Vit::check(const media::Patches& patches, std::span<const std::int32_t> position_ids) const {
  const media::PatchGrid& grid = patches.grid;
  const std::int64_t rows = patches.count();
  if (grid.t != 1 ||
      static_cast<std::int64_t>(patches.values.size()) != rows * config_.patch_elements()) {
    fail("[vision tower] {} tiles of {} x {} patches with {} values do not fit patches of {}",
         grid.tiles, grid.h, grid.w, patches.values.size(), config_.patch_elements());
  }
  const bool free_grid = config_.any_grid || positions_.empty();
  if (!patches.tile_grids.empty() && (!free_grid || config_.has_class_token())) {
    fail("[vision tower] tiles of several sizes for a tower of one");
  }
  if (!free_grid && (grid.h != config_.grid_height || grid.w != config_.grid_width)) {
    fail(
        "pictures of {} x {} patches do not fit the vision tower, which has positions for {} x {}: "
        "the sizes in the image processor's settings differ from config.json's image_size",
        grid.h, grid.w, config_.grid_height, config_.grid_width);
  }
  if (config_.any_grid && static_cast<std::int64_t>(position_ids.size()) != rows) {
    fail("[vision tower] {} position ids for {} x {} patches", position_ids.size(), grid.h, grid.w);
  }
}

Tensor Vit::embed(Device& device, const media::Patches& patches,
                  std::span<const std::int32_t> position_ids) const {
  const std::int64_t hidden = config_.hidden_size;
  Tensor pixels = device.empty(DType::kF32, {patches.count(), config_.patch_elements()});
  device.upload(pixels, patches.values.data());
  Tensor hidden_states = patch_.forward_f32(device, pixels);
  // Where there is a class token, or one position for each place, all tiles are of one size.
  const std::int64_t tiles = patches.grid.tiles;
  const std::int64_t per_tile = std::int64_t{patches.grid.h} * patches.grid.w;
  const std::int64_t tile_rows = per_tile + (config_.has_class_token() ? 1 : 0);
  if (config_.has_class_token()) {
    Tensor with_class = device.empty(DType::kF32, {tiles * tile_rows, hidden});
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      std::vector<std::int32_t> rows(per_tile);
      std::iota(rows.begin(), rows.end(), static_cast<std::int32_t>(tile * tile_rows + 1));
      device.scatter(with_class, hidden_states.view_rows(tile * per_tile, per_tile), rows);
      const std::int32_t class_row = rows[0] - 1;
      device.scatter(with_class, class_token_, std::span(&class_row, 1));
    }
    hidden_states = std::move(with_class);
  }
  if (!positions_.empty()) {
    std::vector<std::int32_t> ids(position_ids.begin(), position_ids.end());
    if (!config_.any_grid) {
      ids.resize(hidden_states.rows());
      for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int>(i % tile_rows);
    }
    Tensor positions = device.empty(DType::kF32, {hidden_states.rows(), hidden});
    device.gather(positions, positions_, ids);
    device.add(hidden_states, positions);
  }
  return hidden_states;
}

Tensor Vit::attend(Device& device, const Layer& layer, const Tensor& normed,
                   const RotaryTable* rotary, std::span<const std::int64_t> ends) const {
  const std::int64_t hidden = config_.hidden_size;
  const int head_dim = config_.head_dim();
  const Tensor qkv = layer.qkv.forward(device, normed);
  const Tensor query = qkv.view_columns(0, hidden);
  const Tensor key = qkv.view_columns(hidden, hidden);
  if (layer.query_norm) {
    device.rms_norm(query, query, layer.query_norm->weight, layer.query_norm->eps);
    device.rms_norm(key, key, layer.key_norm->weight, layer.key_norm->eps);
  }
  Tensor attended = device.activations({normed.rows(), hidden});
  const compute::AttentionShape shape{config_.num_heads, config_.num_heads, head_dim,
                                      1.0f / std::sqrt(static_cast<float>(head_dim))};
  if (rotary) {
    device.rotary_attention_segments(attended, qkv, rotary->cos, rotary->sin, shape, ends);
  } else {
    device.attention_segments(attended, query, key, qkv.view_columns(2 * hidden, hidden), shape,
                              ends);
  }
  return attended;
}

void Vit::run_layer(Device& device, const Layer& layer, const Tensor& hidden_states,
                    const RotaryTable* rotary, std::span<const std::int64_t> ends) const {
  const Tensor attended =
      attend(device, layer, apply(device, layer.attention_norm, hidden_states), rotary, ends);
  if (layer.attention_scale.empty()) {
    layer.output.add_to(device, hidden_states, attended);
  } else {
    const Tensor output = layer.output.forward_f32(device, attended);
    device.scale_columns(output, layer.attention_scale);
    device.add(hidden_states, output);
  }
  const Tensor normed = apply(device, layer.mlp_norm, hidden_states);
  if (layer.mlp_scale.empty()) {
    apply_to(device, layer.mlp, hidden_states, normed);
  } else {
    const Tensor output =
        std::visit([&](const auto& mlp) { return mlp.forward_f32(device, normed); }, layer.mlp);
    device.scale_columns(output, layer.mlp_scale);
    device.add(hidden_states, output);
  }
}

Tensor Vit::forward(Device& device, const media::Patches& patches,
                    std::span<const std::int32_t> position_ids) const {
  check(patches, position_ids);
  Tensor hidden_states = embed(device, patches, position_ids);
  if (pre_norm_) {
    hidden_states = std::visit(
        [&](const auto& norm) { return norm.forward_f32(device, hidden_states); }, *pre_norm_);
  }
  const std::int64_t rows = hidden_states.rows();
  const std::vector<media::Size> tiles = patches.tile_sizes();
  const std::vector<std::int64_t> ends = tile_ends(tiles, config_.has_class_token() ? 1 : 0);
  std::optional<RotaryTable> rotary;
  if (config_.rope_theta > 0.0) {
    rotary = make_rotary_table(device, split_image_rotary(config_.rope_theta, config_.head_dim()),
                               grid_positions(tiles), rows);
  }
  Tensor result = device.empty(DType::kF32, {rows, config_.output_size()});
  std::vector<std::int32_t> all(rows);
  std::iota(all.begin(), all.end(), 0);
  for (int depth = 0;; ++depth) {
    for (std::size_t i = 0; i < config_.features.size(); ++i) {
      if (config_.features[i] != depth) continue;
      const Tensor part = result.view_columns(static_cast<std::int64_t>(i) * config_.hidden_size,
                                              config_.hidden_size);
      if (post_norm_) {
        device.scatter(part, post_norm_->forward_f32(device, hidden_states), all);
      } else {
        device.scatter(part, hidden_states, all);
      }
    }
    if (depth == static_cast<int>(layers_.size())) return result;
    run_layer(device, layers_[depth], hidden_states, rotary ? &*rotary : nullptr, ends);
  }
}

std::vector<std::int64_t> tile_ends(std::span<const media::Size> tiles, std::int64_t extra) {
  std::vector<std::int64_t> ends;
  std::int64_t end = 0;
  for (const media::Size& tile : tiles) {
    end += extra + std::int64_t{tile.height} * tile.width;
    ends.push_back(end);
  }
  return ends;
}

std::vector<std::int32_t> bucketed_positions(const std::vector<media::Size>& tiles, int grid_side) {
  const double bucket = 1.0 / grid_side;
  const auto boundaries =
      static_cast<int>(std::ceil((1.0 - bucket) / bucket));  // as many as torch.arange makes
  const auto bucket_of = [&](int index, int count) {
    const float step = 1.0f / static_cast<float>(count);
    const float place = std::min(static_cast<float>(index) * step, 1.0f - 1e-6f);
    std::int32_t found = 0;
    while (found < boundaries && static_cast<float>(bucket + found * bucket) <= place) ++found;
    return std::min(found, grid_side - 1);
  };
  std::vector<std::int32_t> ids;
  for (const media::Size& tile : tiles) {
    for (int y = 0; y < tile.height; ++y) {
      for (int x = 0; x < tile.width; ++x) {
        ids.push_back(bucket_of(y, tile.height) * grid_side + bucket_of(x, tile.width));
      }
    }
  }
  return ids;
}

std::vector<std::int32_t> neighbour_order(std::int64_t tiles, int height, int width, int factor) {
  std::vector<std::int32_t> order;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    for (int y = 0; y < height / factor; ++y) {
      for (int x = 0; x < width / factor; ++x) {
        for (int inner = 0; inner < factor * factor; ++inner) {
          const std::int64_t row = std::int64_t{y} * factor + inner / factor;
          order.push_back(static_cast<std::int32_t>(tile * height * width + row * width +
                                                    x * factor + inner % factor));
        }
      }
    }
  }
  return order;
}

Tensor mean_of_neighbours(Device& device, const Tensor& features, const media::PatchGrid& grid,
                          int side) {
  const auto count = static_cast<std::size_t>(side) * side;
  const std::vector<std::int32_t> order = neighbour_order(grid.tiles, grid.h, grid.w, side);
  const auto tokens = static_cast<std::int64_t>(order.size() / count);
  Tensor sum = device.empty(DType::kF32, {tokens, features.size(1)});
  const Tensor part = device.empty(DType::kF32, sum.shape());
  for (std::size_t k = 0; k < count; ++k) {
    std::vector<std::int32_t> rows(tokens);
    for (std::int64_t token = 0; token < tokens; ++token) rows[token] = order[token * count + k];
    device.gather(k == 0 ? sum : part, features, rows);
    if (k > 0) device.add(sum, part);
  }
  device.scale(sum, 1.0f / static_cast<float>(count));
  return sum;
}

}  // namespace saccade::nn
