// Sizes of a PaliGemma model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/text_config.h"
#include "nn/vit.h"

namespace saccade::models::paligemma {

struct Config {
  nn::VitConfig vision;
  TextConfig text;
  std::int32_t image_token = 0;

  std::int64_t picture_tokens() const {
    return std::int64_t{vision.grid_height} * vision.grid_width;
  }
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::paligemma
