// Sizes of an Idefics2 model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/idefics2/resampler.h"
#include "models/text_config.h"
#include "nn/vit.h"

namespace saccade::models::idefics2 {

struct Config {
  nn::VitConfig vision;
  ResamplerConfig resampler;
  TextConfig text;
  std::int32_t image_token = 0;
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::idefics2
