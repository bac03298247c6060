// Sizes of an InternVL model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/text_config.h"
#include "nn/vit.h"

namespace saccade::models::internvl {

struct Config {
  nn::VitConfig vision;
  TextConfig text;
  int downsample = 2;  ///< patches along the side of a token
  compute::Activation projector_activation = compute::Activation::kGelu;
  std::int32_t image_token = 0;

  /// The tokens of one tile.
  std::int64_t tile_tokens() const {
    return std::int64_t{vision.grid_height / downsample} * (vision.grid_width / downsample);
  }
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::internvl
