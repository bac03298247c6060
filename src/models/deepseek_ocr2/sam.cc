#include "models/deepseek_ocr2/sam.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace saccade::models::deepseek_ocr2 {
namespace {

using nn::FeatureMaps;

/// Where every place of windows that cover a map of side x side lies in it; places past its edge
/// are row side * side. Window after window, each row by row.
std::vector<std::int32_t> window_rows(int side, int window) {
  const int across = (side + window - 1) / window;
  std::vector<std::int32_t> rows;
  for (int index = 0; index < across * across; ++index) {
    for (int place = 0; place < window * window; ++place) {
      const int y = index / across * window + place / window;
      const int x = index % across * window + place % window;
      rows.push_back(y < side && x < side ? y * side + x : side * side);
    }
  }
  return rows;
}

/// The inverse: the row among windows of every place of the map.
std::vector<std::int32_t> places_in_windows(const std::vector<std::int32_t>& rows, int side) {
  std::vector<std::int32_t> places(std::size_t{1} * side * side);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < side * side) places[rows[i]] = static_cast<std::int32_t>(i);
  }
  return places;
}

/// Keys' cubic (1981) with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

/// One axis of scale_positions: rows [from * inner, n] -> [to * inner, n], `inner` apart.
std::vector<double> scale_axis(const std::vector<double>& table, std::int64_t outer, int from,
                               int to, std::int64_t inner) {
  const double scale = static_cast<double>(from) / to;
  const double widening = std::max(scale, 1.0);
  std::vector<double> scaled(outer * to * inner, 0.0);
  for (int place = 0; place < to; ++place) {
    const double centre = (place + 0.5) * scale;
    const int low = std::max(static_cast<int>(centre - 2.0 * widening + 0.5), 0);
    const int high = std::min(static_cast<int>(centre + 2.0 * widening + 0.5), from);
    std::vector<double> weights;
    double total = 0.0;
    for (int i = low; i < high; ++i) {
      weights.push_back(cubic((i + 0.5 - centre) / widening));
      total += weights.back();
    }
    for (std::int64_t block = 0; block < outer; ++block) {
      for (int i = low; i < high; ++i) {
        const double* source = &table[(block * from + i) * inner];
        double* target = &scaled[(block * to + place) * inner];
        for (std::int64_t c = 0; c < inner; ++c) target[c] += weights[i - low] / total * source[c];
      }
    }
  }
  return scaled;
}

}  // namespace

std::vector<float> scale_positions(const std::vector<float>& table, int from, int to,
                                   std::int64_t n) {
  if (from == to) return table;
  const std::vector<double> values(table.begin(), table.end());
  const std::vector<double> rows = scale_axis(values, 1, from, to, from * n);
  const std::vector<double> both = scale_axis(rows, to, from, to, n);
  return {both.begin(), both.end()};
}

SamTower::SamTower(const SamConfig& config, nn::WeightLoader& weights, const std::string& prefix)
    : config_(config) {
  const std::int64_t hidden = config.hidden_size;
  patch_ = nn::Linear::load(weights, prefix + "patch_embed.proj", hidden,
                            std::int64_t{3} * config.patch_size * config.patch_size, true);
  position_table_ = weights.values(prefix + "pos_embed", {1, config.grid, config.grid, hidden});
  zeros_ = weights.device().empty(DType::kF32, {1, hidden});
  weights.device().upload(zeros_, std::vector<float>(hidden, 0.0f).data());
  for (int i = 0; i < config.num_layers; ++i) {
    const std::string name = fmt::format("{}blocks.{}.", prefix, i);
    const int side = config.global[i] ? config.grid : config.window;
    layers_.push_back({nn::LayerNorm::load(weights, name + "norm1", hidden, config.norm_eps),
                       GridAttention::load(weights, name + "attn.", hidden, config.num_heads, side,
                                           config.qkv_bias),
                       nn::LayerNorm::load(weights, name + "norm2", hidden, config.norm_eps),
                       nn::Mlp::load(weights, name + "mlp.lin1", name + "mlp.lin2", hidden,
                                     config.mlp_size, hidden, config.activation)});
  }
  const std::int64_t neck = config.neck_channels;
  neck_ = nn::Linear::load(weights, prefix + "neck.0", neck, hidden, false);
  // The norms of the neck have an epsilon of their own, which no file tells.
  neck_norm_ = nn::LayerNorm::load(weights, prefix + "neck.1", neck, 1e-6f);
  neck_conv_ = nn::Conv2d::load(weights, prefix + "neck.2", neck, neck, {3, 1, 1}, false);
  neck_conv_norm_ = nn::LayerNorm::load(weights, prefix + "neck.3", neck, 1e-6f);
  const auto [first, second] = config.downsample_channels;
  downsample_[0] = nn::Conv2d::load(weights, prefix + "net_2", first, neck, {3, 2, 1}, false);
  downsample_[1] = nn::Conv2d::load(weights, prefix + "net_3", second, first, {3, 2, 1}, false);
}

const Tensor& SamTower::positions(nn::Device& device, int side) {
  Tensor& known = positions_[side];
  if (known.empty()) {
    const std::vector<float> scaled =
        scale_positions(position_table_, config_.grid, side, config_.hidden_size);
    known = device.empty(DType::kF32, {std::int64_t{side} * side, config_.hidden_size});
    device.upload(known, scaled.data());
  }
  return known;
}

void SamTower::attend(nn::Device& device, Layer& layer, const Tensor& hidden_states,
                      const GridLayout& layout, std::span<const std::int32_t> into_windows,
                      std::span<const std::int32_t> out_of_windows) const {
  const std::int64_t rows = hidden_states.rows();
  // With a row of zeros at the end, for places of windows past the map's edge.
  const Tensor normed = device.activations({rows + 1, config_.hidden_size});
  const nn::LayerNorm& norm = layer.attention_norm;
  device.layer_norm(normed.view_rows(0, rows), hidden_states, norm.weight, &norm.bias, norm.eps);
  device.gather(normed.view_rows(rows, 1), zeros_, std::vector<std::int32_t>{0});
  const Tensor windows = device.activations({layout.rows(), config_.hidden_size});
  device.gather(windows, normed, into_windows);
  const Tensor attended = layer.attention.forward(device, windows, layout);
  const Tensor change = device.empty(DType::kF32, hidden_states.shape());
  device.gather(change, attended, out_of_windows);
  device.add(hidden_states, change);
}

Tensor SamTower::forward(nn::Device& device, const Tensor& patches, int side) {
  if (patches.rows() != std::int64_t{side} * side || side % kDownsampling != 0) {
    fail("[vision tower] a view of {} patches, {} along a side", patches.rows(), side);
  }
  const Tensor hidden_states = patch_.forward_f32(device, patches);
  device.add(hidden_states, positions(device, side));
  const std::vector<std::int32_t> windows = window_rows(side, config_.window);
  const std::vector<std::int32_t> whole = window_rows(side, side);
  const std::vector<std::int32_t> from_windows = places_in_windows(windows, side);
  const std::int64_t places = std::int64_t{config_.window} * config_.window;
  const GridLayout in_windows(static_cast<std::int64_t>(windows.size()) / places, config_.window);
  const GridLayout together(1, side);
  for (int i = 0; i < config_.num_layers; ++i) {
    Layer& layer = layers_[i];
    if (config_.global[i]) {
      attend(device, layer, hidden_states, together, whole, whole);
    } else {
      attend(device, layer, hidden_states, in_windows, windows, from_windows);
    }
    layer.mlp.add_to(device, hidden_states, layer.mlp_norm.forward(device, hidden_states));
  }
  FeatureMaps x{neck_norm_.forward(device, neck_.forward(device, hidden_states)), 1, side, side};
  x = neck_conv_.forward(device, x);
  x.values = neck_conv_norm_.forward(device, x.values);
  x = downsample_[0].forward(device, x);
  x = downsample_[1].forward_f32(device, x);
  return std::move(x.values);
}

}  // namespace saccade::models::deepseek_ocr2
