// What the configurations of the Qwen-VL families share.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "models/text_config.h"

namespace saccade::models::qwen_vl {

/// The tower: a transformer over patches of both time steps of a picture, in two axes of rotary
/// positions, whose neighbours are merged into tokens.
struct VisionConfig {
  int depth = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t out_hidden_size = 0;
  int num_heads = 0;
  int patch_size = 0;
  int spatial_merge_size = 0;
  int temporal_patch_size = 0;
  int in_channels = 0;
  double rope_theta = 10000.0;
  compute::Activation activation = compute::Activation::kSilu;

  int head_dim() const { return static_cast<int>(hidden_size) / num_heads; }
  /// Patches that become one token.
  std::int64_t merge_unit() const {
    return static_cast<std::int64_t>(spatial_merge_size) * spatial_merge_size;
  }
  std::int64_t patch_elements() const {
    return static_cast<std::int64_t>(in_channels) * temporal_patch_size * patch_size * patch_size;
  }
};

/// Reads the numbers that all families write alike; sizes that have other names in one of them
/// (hidden, intermediate and output size) are the caller's. Throws Error naming the key.
void read_patching(const JsonObject& config, int default_patch_size,
                   std::string_view default_activation, VisionConfig& vision);
/// Throws Error when the heads do not fit the sizes, once all are known.
void check_heads(const JsonObject& config, const VisionConfig& vision);

/// What is around the tower.
struct Config {
  nn::DecoderConfig text;
  std::int64_t context_length = 0;
  std::int32_t image_token = 0;
  std::vector<std::int32_t> end_tokens;
};

/// Reads both layouts in use: text sizes at the top level of config.json, and in text_config.
/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_model(const checkpoint::Checkpoint& checkpoint, const TextFamily& text_family,
                  std::int64_t out_hidden_size);

}  // namespace saccade::models::qwen_vl
