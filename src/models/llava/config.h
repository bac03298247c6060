// Sizes of a LLaVA model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/text_config.h"
#include "nn/vit.h"

namespace saccade::models::llava {

struct Config {
  nn::VitConfig vision;
  TextConfig text;
  bool pixtral = false;     ///< a tower for pictures of any size, and rows in the prompt
  bool drop_first = false;  ///< the first row of each picture, CLIP's class token
  bool projector_bias = true;
  compute::Activation projector_activation = compute::Activation::kGelu;
  std::int32_t image_token = 0;

  /// Rows that become tokens, of a picture of that grid.
  std::int64_t picture_tokens(const media::PatchGrid& grid) const {
    return std::int64_t{grid.h} * grid.w + (vision.has_class_token() ? 1 : 0) -
           (drop_first ? 1 : 0);
  }
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::llava
