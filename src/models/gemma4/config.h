// Sizes of a Gemma 4 model with its tower, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/gemma4/vision.h"
#include "models/text_config.h"

namespace saccade::models::gemma4 {

struct Config {
  VisionConfig vision;
  TextConfig text;
  bool pictures_see_themselves = false;  ///< their tokens see each other
  std::int32_t image_token = 0;
  std::int32_t begin_token = 0;
  std::int32_t end_token = 0;
  std::vector<std::int32_t> other_placeholders;  ///< of videos and sounds
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::gemma4
