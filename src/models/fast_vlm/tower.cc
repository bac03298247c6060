#include "models/fast_vlm/tower.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"

namespace saccade::models::fast_vlm {
namespace {

using compute::Activation;
using nn::FeatureMaps;

// What "fastvit_mci3" fixes.
constexpr int kMlpRatio = 4;
constexpr int kSqueeze = 16;  // the inner size of the channel gates is this part of the channels
constexpr float kEps = 1e-5f;
constexpr nn::Window kHalving{3, 2, 1};
constexpr nn::Window kWideHalving{7, 2, 3};
constexpr nn::Window kMixing{3, 1, 1};
constexpr nn::Window kWide{7, 1, 3};

/// Factors of channels, stored as [channels, 1, 1].
Tensor load_scale(nn::WeightLoader& weights, const std::string& name, std::int64_t channels) {
  return weights.table(name, 1, channels).view_as({channels});
}

/// The convolution as which timm saves one with its branches merged.
nn::DepthwiseConv load_merged(nn::WeightLoader& weights, const std::string& name,
                              std::int64_t outputs, const nn::Window& window) {
  return nn::DepthwiseConv::load(weights, name + ".reparam_conv", outputs, window, true);
}

/// x += scale * change
void add_scaled(nn::Device& device, const FeatureMaps& x, const Tensor& change,
                const Tensor& scale) {
  device.scale_columns(change, scale);
  device.add(x.values, change);
}

}  // namespace

Tower::Tower(const TowerConfig& config, nn::WeightLoader& weights, const std::string& prefix)
    : config_(config) {
  const std::string stem = prefix + "stem.";
  const std::int64_t width = config.widths[0];
  stem_conv_ = nn::Conv2d::load(weights, stem + "0.reparam_conv", width, 3, kHalving, true);
  stem_downsample_ = load_merged(weights, stem + "1", width, kHalving);
  stem_mix_ = nn::Linear::load(weights, stem + "2.reparam_conv", width, width, true);
  for (int i = 0; i < TowerConfig::kStages; ++i) stages_.push_back(load_stage(weights, prefix, i));
  const std::int64_t outputs = config.output_size();
  const std::string last = prefix + "final_conv";
  final_conv_ = load_merged(weights, last, outputs, kMixing);
  squeeze_ = nn::Linear::load(weights, last + ".se.fc1", outputs / kSqueeze, outputs, true);
  excite_ = nn::Linear::load(weights, last + ".se.fc2", outputs, outputs / kSqueeze, true);
}

Tower::Stage Tower::load_stage(nn::WeightLoader& weights, const std::string& prefix,
                               int index) const {
  const std::string name = fmt::format("{}stages.{}.", prefix, index);
  const std::int64_t width = config_.widths[index];
  const bool with_attention = index >= kFirstAttentionStage;
  Stage stage;
  if (index > 0) {
    const std::string downsample = name + "downsample.proj.";
    stage.downsample = load_merged(weights, downsample + "0", width, kWideHalving);
    stage.widen = nn::Linear::load(weights, downsample + "1.reparam_conv", width, width, true);
  }
  if (with_attention) stage.positions = load_merged(weights, name + "pos_emb", width, kWide);
  for (int i = 0; i < config_.layers[index]; ++i) {
    stage.blocks.push_back(
        load_block(weights, fmt::format("{}blocks.{}.", name, i), width, with_attention));
  }
  return stage;
}

Tower::Block Tower::load_block(nn::WeightLoader& weights, const std::string& name,
                               std::int64_t channels, bool with_attention) {
  const std::string mixer = name + "token_mixer";
  Block block;
  if (with_attention) {
    block.attention = {nn::LayerNorm::load(weights, name + "norm", channels, kEps),
                       nn::Linear::load(weights, mixer + ".qkv", 3 * channels, channels, false),
                       nn::Linear::load(weights, mixer + ".proj", channels, channels, true),
                       load_scale(weights, name + "layer_scale_1.gamma", channels)};
  } else {
    block.mixer = load_merged(weights, mixer, channels, kMixing);
  }
  block.mlp =
      ConvMlp::load(weights, name + "mlp.",
                    name + (with_attention ? "layer_scale_2" : "layer_scale") + ".gamma", channels);
  return block;
}

Tower::ConvMlp Tower::ConvMlp::load(nn::WeightLoader& weights, const std::string& name,
                                    const std::string& scale, std::int64_t channels) {
  nn::DepthwiseConv conv =
      nn::DepthwiseConv::load(weights, name + "conv.conv", channels, kWide, false);
  conv.fold_batch_norm(weights, name + "conv.bn", kEps);
  return {std::move(conv),
          nn::Mlp::load(weights, name + "fc1", name + "fc2", channels, kMlpRatio * channels,
                        channels, Activation::kGelu),
          load_scale(weights, scale, channels)};
}

void Tower::ConvMlp::add_to(nn::Device& device, const FeatureMaps& x) const {
  const FeatureMaps seen = conv.forward(device, x);
  add_scaled(device, x, mlp.forward_f32(device, seen.values), scale);
}

void Tower::Attention::add_to(nn::Device& device, const FeatureMaps& x) const {
  const std::int64_t channels = x.channels();
  const int heads = static_cast<int>(channels) / kHeadDim;
  const Tensor qkv_rows = qkv.forward(device, norm.forward(device, x.values));
  const Tensor attended = device.activations(x.values.shape());
  const std::int64_t end = x.values.rows();
  device.attention_segments(
      attended, qkv_rows.view_columns(0, channels), qkv_rows.view_columns(channels, channels),
      qkv_rows.view_columns(2 * channels, channels),
      {heads, heads, kHeadDim, 1.0f / std::sqrt(static_cast<float>(kHeadDim))}, {&end, 1});
  add_scaled(device, x, output.forward_f32(device, attended), scale);
}

FeatureMaps Tower::run_stem(nn::Device& device, const media::Patches& patches) const {
  FeatureMaps x{device.empty(DType::kF32, {patches.count(), 3}), 1, patches.grid.h, patches.grid.w};
  device.upload(x.values, patches.values.data());
  x = stem_conv_.forward(device, x);
  device.activate(x.values, Activation::kGelu);
  x = stem_downsample_.forward(device, x);
  device.activate(x.values, Activation::kGelu);
  x.values = stem_mix_.forward_f32(device, x.values);
  device.activate(x.values, Activation::kGelu);
  return x;
}

void Tower::run_stage(nn::Device& device, const Stage& stage, FeatureMaps& x) const {
  if (stage.downsample) {
    x = stage.downsample->forward(device, x);
    device.activate(x.values, Activation::kGelu);
    x.values = stage.widen.forward_f32(device, x.values);
    device.activate(x.values, Activation::kGelu);
  }
  if (stage.positions) x = stage.positions->forward_f32(device, x);
  for (const Block& block : stage.blocks) {
    if (block.mixer) x = block.mixer->forward_f32(device, x);
    if (block.attention) block.attention->add_to(device, x);
    block.mlp.add_to(device, x);
  }
}

Tensor Tower::forward(nn::Device& device, const media::Patches& patches) const {
  const media::PatchGrid& grid = patches.grid;
  if (grid.tiles != 1 || grid.h % kTotalStride != 0 || grid.w % kTotalStride != 0 ||
      static_cast<std::int64_t>(patches.values.size()) != 3 * patches.count()) {
    fail("[vision tower] wanted one picture of pixels in multiples of {}, found {} of {} x {}",
         kTotalStride, grid.tiles, grid.w, grid.h);
  }
  FeatureMaps x = run_stem(device, patches);
  for (const Stage& stage : stages_) run_stage(device, stage, x);
  x = final_conv_.forward_f32(device, x);
  const Tensor means = device.empty(DType::kF32, {1, x.channels()});
  device.mean_rows(means, x.values);
  const Tensor squeezed = squeeze_.forward(device, means);
  device.activate(squeezed, Activation::kRelu);
  const Tensor gates = excite_.forward_f32(device, squeezed);
  device.activate(gates, Activation::kSigmoid);
  device.scale_columns(x.values, gates.view_as({x.channels()}));
  device.activate(x.values, Activation::kGelu);
  return std::move(x.values);
}

}  // namespace saccade::models::fast_vlm
