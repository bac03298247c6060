// Sizes of a Qwen2.5-VL model, from config.json.
#pragma once

#include <cstdint>
#include <vector>

#include "models/qwen_vl/config.h"

namespace saccade::models::qwen2_5_vl {

struct VisionConfig : qwen_vl::VisionConfig {
  int window_size = 0;  ///< of window attention, in pixels
  std::vector<std::int64_t> full_attention_blocks;

  /// Side of an attention window in merged patches.
  int window_merged() const { return window_size / spatial_merge_size / patch_size; }
};

struct Config : qwen_vl::Config {
  VisionConfig vision;
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::qwen2_5_vl
