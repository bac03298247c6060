#include "nn/davit.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace saccade::nn {
namespace {

// Of the convolutions inside of blocks.
constexpr Window kBlockWindow{3, 1, 1};

/// x += its convolution
void add_convolved(Device& device, const DepthwiseConv& convolution, const FeatureMaps& x) {
  device.add(x.values, convolution.forward_f32(device, x).values);
}

}  // namespace

media::Size DavitConfig::output_map(media::Size pixels) const {
  for (const DavitStage& stage : stages) {
    const Window& window = stage.window;
    const compute::ConvShape shape{
        1, pixels.height, pixels.width, window.kernel, window.stride, window.padding};
    pixels = {static_cast<int>(shape.out_height()), static_cast<int>(shape.out_width())};
  }
  return pixels;
}

Davit::Davit(DavitConfig config, WeightLoader& weights, const std::string& prefix)
    : config_(std::move(config)) {
  for (std::size_t i = 0; i < config_.stages.size(); ++i) {
    stages_.push_back(load_stage(weights, prefix, i));
  }
}

Davit::Stage Davit::load_stage(WeightLoader& weights, const std::string& prefix,
                               std::size_t index) const {
  const DavitStage& stage = config_.stages[index];
  const std::int64_t inputs =
      index == 0 ? config_.input_channels : config_.stages[index - 1].channels;
  const std::string conv = fmt::format("{}convs.{}.", prefix, index);
  Stage loaded{LayerNorm::load(weights, conv + "norm", stage.norm_first ? inputs : stage.channels,
                               config_.norm_eps),
               Conv2d::load(weights, conv + "conv", stage.channels, inputs, stage.window, true),
               {}};
  for (int i = 0; i < stage.depth; ++i) {
    const std::string name = fmt::format("{}blocks.{}.{}.", prefix, index, i);
    loaded.blocks.push_back(load_block(weights, name + "spatial_block.", "window_attn.", stage));
    loaded.blocks.push_back(load_block(weights, name + "channel_block.", "channel_attn.", stage));
  }
  return loaded;
}

Davit::Block Davit::load_block(WeightLoader& weights, const std::string& name,
                               const std::string& attention, const DavitStage& stage) const {
  const std::int64_t channels = stage.channels;
  return {DepthwiseConv::load(weights, name + "conv1", channels, kBlockWindow, true),
          LayerNorm::load(weights, name + "norm1", channels, config_.norm_eps),
          Linear::load(weights, name + attention + "qkv", 3 * channels, channels, config_.qkv_bias),
          Linear::load(weights, name + attention + "proj", channels, channels, true),
          DepthwiseConv::load(weights, name + "conv2", channels, kBlockWindow, true),
          LayerNorm::load(weights, name + "norm2", channels, config_.norm_eps),
          Mlp::load(weights, name + "ffn.fc1", name + "ffn.fc2", channels, stage.intermediate_size,
                    channels, config_.activation)};
}

Davit::Windows Davit::cut_windows(const FeatureMaps& x) const {
  const std::int64_t side = config_.window_size;
  const std::int64_t places = x.values.rows();
  Windows windows;
  windows.rows.resize(places);
  for (std::int64_t top = 0; top < x.height; top += side) {
    for (std::int64_t left = 0; left < x.width; left += side) {
      for (std::int64_t i = 0; i < side * side; ++i) {
        const std::int64_t row = top + i / side;
        const std::int64_t column = left + i % side;
        const bool inside = row < x.height && column < x.width;
        const std::int64_t place = inside ? row * x.width + column : places;
        if (inside) windows.rows[place] = static_cast<std::int32_t>(windows.places.size());
        windows.places.push_back(static_cast<std::int32_t>(place));
      }
      windows.ends.push_back(static_cast<std::int64_t>(windows.places.size()));
    }
  }
  return windows;
}

Tensor Davit::attend_windows(Device& device, const DavitStage& stage, const Block& block,
                             const Tensor& x, const Windows& windows) {
  const std::int64_t channels = stage.channels;
  // Behind the normed places a row of zeros, for what fills up windows.
  const Tensor normed = device.activations({x.rows() + 1, channels});
  const LayerNorm& norm = block.attention_norm;
  device.layer_norm(normed.view_rows(0, x.rows()), x, norm.weight, &norm.bias, norm.eps);
  const auto rows = static_cast<std::int64_t>(windows.places.size());
  if (rows > x.rows()) {
    const Tensor zeros = normed.view_rows(x.rows(), 1);
    device.upload(zeros, std::vector<std::byte>(zeros.bytes()).data());
  }
  Tensor cut = device.activations({rows, channels});
  device.gather(cut, normed, windows.places);
  const Tensor qkv = block.qkv.forward(device, cut);
  const int head_dim = static_cast<int>(channels) / stage.num_heads;
  device.attention_segments(
      cut, qkv.view_columns(0, channels), qkv.view_columns(channels, channels),
      qkv.view_columns(2 * channels, channels),
      {stage.num_heads, stage.num_heads, head_dim, 1.0f / std::sqrt(static_cast<float>(head_dim))},
      windows.ends);
  Tensor attended = device.activations({x.rows(), channels});
  device.gather(attended, cut, windows.rows);
  return attended;
}

Tensor Davit::attend_channels(Device& device, const DavitStage& stage, const Block& block,
                              const Tensor& x) {
  const std::int64_t channels = stage.channels;
  const Tensor qkv = block.qkv.forward(device, block.attention_norm.forward(device, x));
  Tensor attended = device.activations(x.shape());
  device.channel_attention(attended, qkv.view_columns(0, channels),
                           qkv.view_columns(channels, channels),
                           qkv.view_columns(2 * channels, channels), stage.num_groups,
                           1.0f / std::sqrt(static_cast<float>(x.rows())));
  return attended;
}

FeatureMaps Davit::run_convolution(Device& device, std::size_t stage, const FeatureMaps& x) const {
  const auto& [norm, convolution, blocks] = stages_[stage];
  if (config_.stages[stage].norm_first) {
    return convolution.forward_f32(device,
                                   {norm.forward(device, x.values), x.maps, x.height, x.width});
  }
  FeatureMaps y = convolution.forward_f32(device, x);
  y.values = norm.forward_f32(device, y.values);
  return y;
}

void Davit::run_blocks(Device& device, std::size_t stage, const FeatureMaps& x) const {
  const DavitStage& config = config_.stages[stage];
  const Windows windows = cut_windows(x);
  bool spatial = true;
  for (const Block& block : stages_[stage].blocks) {
    add_convolved(device, block.first, x);
    block.output.add_to(device, x.values,
                        spatial ? attend_windows(device, config, block, x.values, windows)
                                : attend_channels(device, config, block, x.values));
    add_convolved(device, block.second, x);
    block.mlp.add_to(device, x.values, block.mlp_norm.forward(device, x.values));
    spatial = !spatial;
  }
}

FeatureMaps Davit::forward(Device& device, const media::Patches& pixels) const {
  const media::PatchGrid& grid = pixels.grid;
  const std::int64_t places = std::int64_t{grid.h} * grid.w;
  const auto elements = static_cast<std::int64_t>(pixels.values.size());
  if (grid.t != 1 || grid.tiles != 1 || elements != places * config_.input_channels) {
    fail("[vision tower] {} tiles of {} x {} patches with {} values are not one picture of pixels",
         grid.tiles, grid.h, grid.w, elements);
  }
  FeatureMaps x{device.empty(DType::kF32, {places, config_.input_channels}), 1, grid.h, grid.w};
  device.upload(x.values, pixels.values.data());
  for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
    x = run_convolution(device, stage, x);
    run_blocks(device, stage, x);
  }
  return x;
}

}  // namespace saccade::nn
