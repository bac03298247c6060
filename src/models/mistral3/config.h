// Sizes of a Mistral 3 model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/text_config.h"
#include "nn/vit.h"

namespace saccade::models::mistral3 {

struct Config {
  nn::VitConfig vision;
  TextConfig text;
  int merge_size = 2;  ///< patches along the side of a token
  bool projector_bias = false;
  compute::Activation projector_activation = compute::Activation::kGelu;
  std::int32_t image_token = 0;
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::mistral3
