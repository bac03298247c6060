// Sizes of a FastVLM model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/fast_vlm/tower.h"
#include "models/text_config.h"

namespace saccade::models::fast_vlm {

struct Config {
  TowerConfig vision;
  TextConfig text;
  bool projector_bias = true;
  compute::Activation projector_activation = compute::Activation::kGelu;
  std::int32_t image_token = 0;
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::fast_vlm
