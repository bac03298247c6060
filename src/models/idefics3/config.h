// Sizes of an Idefics3 or SmolVLM model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/text_config.h"
#include "nn/vit.h"

namespace saccade::models::idefics3 {

struct Config {
  std::string model_type;
  nn::VitConfig vision;
  TextConfig text;
  int scale_factor = 2;  ///< patches along the side of a token
  std::int32_t image_token = 0;
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::idefics3
