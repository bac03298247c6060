#include "models/gemma4/vision.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "nn/vit.h"

namespace saccade::models::gemma4 {
namespace {

using compute::Device;

/// Column and row of every patch, [2, h * w].
std::vector<std::int32_t> patch_places(const media::PatchGrid& grid) {
  const std::int64_t count = std::int64_t{grid.h} * grid.w;
  std::vector<std::int32_t> places(2 * count);
  for (std::int64_t i = 0; i < count; ++i) {
    places[i] = static_cast<std::int32_t>(i % grid.w);
    places[count + i] = static_cast<std::int32_t>(i / grid.w);
  }
  return places;
}

/// The tower turns the halves of a head by themselves, one by the column and one by the row, where
/// Device::rotary turns a feature with that half a head further on. So the halves' own halves are
/// put side by side: quarters 0, 2, 1, 3 of each of `turning` heads; what follows stays.
std::vector<std::int32_t> rotary_order(int turning, int staying, int head_dim) {
  const int quarter = head_dim / 4;
  std::vector<std::int32_t> order((turning + staying) * head_dim);
  std::iota(order.begin(), order.end(), 0);
  for (int head = 0; head < turning; ++head) {
    for (int i = 0; i < quarter; ++i) {
      const int at = head * head_dim + quarter + i;
      std::swap(order[at], order[at + quarter]);
    }
  }
  return order;
}

}  // namespace

ClippedLinear::Bounds ClippedLinear::load_bounds(nn::WeightLoader& weights,
                                                 const std::string& name) {
  const auto scalar = [&](const char* which) {
    float value = 0.0f;
    weights.device().download(&value, weights.table(name + which, 1, 1));
    return value;
  };
  const Bounds bounds{scalar("_min"), scalar("_max")};
  // NaN included: what is clamped by it would not be a number either.
  if (!(bounds.low <= bounds.high)) {
    fail("{}_min {} is over {}_max {}", name, bounds.low, name, bounds.high);
  }
  return bounds;
}

ClippedLinear ClippedLinear::load(nn::WeightLoader& weights, const std::vector<std::string>& names,
                                  const std::vector<std::int64_t>& outputs, std::int64_t inputs,
                                  bool clipped) {
  ClippedLinear linear;
  linear.outputs_ = std::accumulate(outputs.begin(), outputs.end(), std::int64_t{0});
  std::vector<std::string> maps;
  for (const std::string& name : names) maps.push_back(name + ".linear");
  if (!clipped) {
    linear.parts_.push_back(
        {nn::Linear::load_stacked(weights, maps, outputs, inputs, false), linear.outputs_, {}, {}});
    return linear;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    linear.parts_.push_back({nn::Linear::load(weights, maps[i], outputs[i], inputs, false),
                             outputs[i], load_bounds(weights, names[i] + ".input"),
                             load_bounds(weights, names[i] + ".output")});
  }
  return linear;
}

void ClippedLinear::forward_to(Device& device, const Tensor& y, const Tensor& x) const {
  std::int64_t column = 0;
  for (const Part& part : parts_) {
    const Tensor to = y.view_columns(column, part.outputs);
    column += part.outputs;
    if (part.input) {
      const Tensor clamped = device.empty(x.dtype(), x.shape());
      device.clamp(clamped, x, part.input->low, part.input->high);
      part.linear.forward_to(device, to, clamped);
    } else {
      part.linear.forward_to(device, to, x);
    }
    if (part.output) device.clamp(to, to, part.output->low, part.output->high);
  }
}

Tensor ClippedLinear::forward(Device& device, const Tensor& x) const {
  Tensor y = device.activations({x.rows(), outputs_});
  forward_to(device, y, x);
  return y;
}

Tensor ClippedLinear::forward_f32(Device& device, const Tensor& x) const {
  Tensor y = device.empty(DType::kF32, {x.rows(), outputs_});
  forward_to(device, y, x);
  return y;
}

Vision::Vision(const VisionConfig& config, nn::WeightLoader& weights, const std::string& prefix)
    : config_(config),
      patch_(nn::Linear::load(weights, prefix + "patch_embedder.input_proj", config.hidden_size,
                              config.patch_elements(), false)),
      positions_(weights.table(prefix + "patch_embedder.position_embedding_table",
                               std::int64_t{2} * config.positions, config.hidden_size)),
      rotary_order_(rotary_order(config.num_heads + config.num_kv_heads, config.num_kv_heads,
                                 config.head_dim)) {
  for (int i = 0; i < config_.num_layers; ++i) {
    layers_.push_back(load_layer(weights, fmt::format("{}encoder.layers.{}.", prefix, i)));
  }
  if (!config_.standardized) return;
  Device& device = weights.device();
  shift_ =
      weights.vector(prefix + "std_bias", config_.hidden_size).view_as({1, config_.hidden_size});
  device.scale(shift_, -1.0f);
  factor_ = weights.vector(prefix + "std_scale", config_.hidden_size);
}

Vision::Layer Vision::load_layer(nn::WeightLoader& weights, const std::string& name) const {
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t query = std::int64_t{config_.num_heads} * config_.head_dim;
  const std::int64_t key = std::int64_t{config_.num_kv_heads} * config_.head_dim;
  const std::int64_t inner = config_.intermediate_size;
  const auto norm = [&](const char* which, std::int64_t size) {
    return nn::RmsNorm::load(weights, name + which, size, config_.norm_eps);
  };
  const auto linear = [&](const std::vector<std::string>& maps,
                          const std::vector<std::int64_t>& outputs, std::int64_t inputs) {
    std::vector<std::string> names;
    for (const std::string& map : maps) names.push_back(name + map);
    return ClippedLinear::load(weights, names, outputs, inputs, config_.clipped);
  };
  return {
      .attention_norm = norm("input_layernorm", hidden),
      .qkv = linear({"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, {query, key, key},
                    hidden),
      .query_norm = norm("self_attn.q_norm", config_.head_dim),
      .key_norm = norm("self_attn.k_norm", config_.head_dim),
      .value_norm = nn::RmsNorm::plain(weights.device(), config_.head_dim, config_.norm_eps),
      .output = linear({"self_attn.o_proj"}, {hidden}, query),
      .attention_output_norm = norm("post_attention_layernorm", hidden),
      .mlp_norm = norm("pre_feedforward_layernorm", hidden),
      .gate_up = linear({"mlp.gate_proj", "mlp.up_proj"}, {inner, inner}, hidden),
      .down = linear({"mlp.down_proj"}, {hidden}, inner),
      .mlp_output_norm = norm("post_feedforward_layernorm", hidden),
  };
}

Tensor Vision::embed(Device& device, const media::Patches& patches) const {
  const media::PatchGrid& grid = patches.grid;
  const std::int64_t rows = std::int64_t{grid.h} * grid.w;
  const std::int64_t elements = config_.patch_elements();
  const std::int64_t pixels = elements / 3;
  // The tower takes pixels in [-1, 1], the channels of each side by side.
  std::vector<float> values(rows * elements);
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* from = &patches.values[row * elements];
    float* to = &values[row * elements];
    for (std::int64_t i = 0; i < elements; ++i) {
      to[i % pixels * 3 + i / pixels] = 2.0f * (from[i] - 0.5f);
    }
  }
  const Tensor on_device = device.empty(DType::kF32, {rows, elements});
  device.upload(on_device, values.data());
  Tensor hidden_states = patch_.forward_f32(device, on_device);
  const std::vector<std::int32_t> places = patch_places(grid);
  const Tensor of_place = device.empty(DType::kF32, hidden_states.shape());
  for (int axis = 0; axis < 2; ++axis) {
    device.gather(of_place,
                  positions_.view_rows(std::int64_t{axis} * config_.positions, config_.positions),
                  std::span(places).subspan(axis * rows, rows));
    device.add(hidden_states, of_place);
  }
  return hidden_states;
}

Tensor Vision::attend(Device& device, const Layer& layer, const Tensor& hidden_states,
                      const nn::RotaryTable& rotary) const {
  const int head_dim = config_.head_dim;
  const std::int64_t query = std::int64_t{config_.num_heads} * head_dim;
  const std::int64_t key = std::int64_t{config_.num_kv_heads} * head_dim;
  const Tensor stored =
      layer.qkv.forward(device, layer.attention_norm.forward(device, hidden_states));
  layer.query_norm.forward_heads(device, stored.view_columns(0, query));
  layer.key_norm.forward_heads(device, stored.view_columns(query, key));
  layer.value_norm.forward_heads(device, stored.view_columns(query + key, key));
  const Tensor qkv = device.activations(stored.shape());
  device.gather_columns(qkv, stored, rotary_order_);
  const Tensor attended = device.activations({hidden_states.rows(), query});
  const std::int64_t end = hidden_states.rows();
  device.rotary_attention_segments(attended, qkv, rotary.cos, rotary.sin,
                                   {config_.num_heads, config_.num_kv_heads, head_dim, 1.0f},
                                   {&end, 1});
  return layer.output.forward_f32(device, attended);
}

void Vision::add_mlp(Device& device, const Layer& layer, const Tensor& hidden_states) const {
  nn::in_pieces(device, hidden_states.rows(), [&](std::int64_t first, std::int64_t count) {
    const Tensor rows = hidden_states.view_rows(first, count);
    const Tensor gate_up = layer.gate_up.forward(device, layer.mlp_norm.forward(device, rows));
    const Tensor gated = device.activations({count, config_.intermediate_size});
    device.gate(gated, gate_up, config_.activation);
    device.add(rows,
               layer.mlp_output_norm.forward_f32(device, layer.down.forward_f32(device, gated)));
  });
}

Tensor Vision::pooled(Device& device, const Tensor& features, const media::PatchGrid& grid) const {
  Tensor tokens = nn::mean_of_neighbours(device, features, grid, config_.pool);
  device.scale(tokens, std::sqrt(static_cast<float>(config_.hidden_size)));
  if (config_.standardized) {
    const Tensor shifts = device.empty(DType::kF32, tokens.shape());
    device.gather(shifts, shift_, std::vector<std::int32_t>(tokens.rows(), 0));
    device.add(tokens, shifts);
    device.scale_columns(tokens, factor_);
  }
  return tokens;
}

Tensor Vision::forward(Device& device, const media::Patches& patches) const {
  const media::PatchGrid& grid = patches.grid;
  const std::int64_t rows = std::int64_t{grid.h} * grid.w;
  const bool fits =
      grid.t == 1 && grid.tiles == 1 && grid.h % config_.pool == 0 && grid.w % config_.pool == 0 &&
      static_cast<std::int64_t>(patches.values.size()) == rows * config_.patch_elements();
  if (!fits) {
    fail(
        "[vision tower] {} x {} patches with {} values: wanted {} values each and sides that are "
        "multiples of {}",
        grid.h, grid.w, patches.values.size(), config_.patch_elements(), config_.pool);
  }
  if (std::max(grid.h, grid.w) > config_.positions) {
    fail(
        "a picture of {} x {} patches: the vision tower has positions for {} a side; cut it into "
        "pieces",
        grid.w, grid.h, config_.positions);
  }
  const Tensor hidden_states = embed(device, patches);
  const nn::RotaryTable rotary = nn::make_rotary_table(
      device, nn::image_rotary(config_.rope_theta, config_.head_dim), patch_places(grid), rows);
  for (const Layer& layer : layers_) {
    const Tensor attended = attend(device, layer, hidden_states, rotary);
    device.add(hidden_states, layer.attention_output_norm.forward_f32(device, attended));
    add_mlp(device, layer, hidden_states);
  }
  return pooled(device, hidden_states, grid);
}

}  // namespace saccade::models::gemma4
