// Sizes of a Qwen2.5-VL model, from config.json.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "nn/decoder.h"

namespace saccade::models::qwen2_5_vl {

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
  int window_size = 0;  ///< of window attention, in pixels
  std::vector<std::int64_t> full_attention_blocks;
  double rope_theta = 10000.0;
  compute::Activation activation = compute::Activation::kSilu;

  int head_dim() const { return static_cast<int>(hidden_size) / num_heads; }
  /// Side of an attention window in merged patches.
  int window_merged() const { return window_size / spatial_merge_size / patch_size; }
  std::int64_t patch_elements() const {
    return static_cast<std::int64_t>(in_channels) * temporal_patch_size * patch_size * patch_size;
  }
};

struct Config {
  VisionConfig vision;
  nn::DecoderConfig text;
  std::int64_t context_length = 0;
  std::int32_t image_token = 0;
  std::int32_t vision_start_token = 0;
  std::vector<std::int32_t> end_tokens;
};

/// Reads both layouts in use: that of the published checkpoints, text sizes at the top level, and
/// that of transformers 5, text sizes in text_config. Throws Error naming the key for anything
/// missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::qwen2_5_vl
