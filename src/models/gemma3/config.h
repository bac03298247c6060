// Sizes of a Gemma 3 model with its tower, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/text_config.h"
#include "nn/vit.h"

namespace saccade::models::gemma3 {

struct Config {
  nn::VitConfig vision;
  TextConfig text;
  int tokens_per_side = 16;  ///< of a picture
  std::int32_t image_token = 0;
  std::int32_t begin_token = 0;
  std::int32_t end_token = 0;

  std::int64_t picture_tokens() const { return std::int64_t{tokens_per_side} * tokens_per_side; }
  /// Patches along the side of a token.
  int pool() const { return vision.grid_height / tokens_per_side; }
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::gemma3
