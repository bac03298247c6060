// Sizes of a LLaVA-NeXT or LLaVA-OneVision model, from config.json.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "models/text_config.h"
#include "nn/vit.h"

namespace saccade::models::llava_next {

struct Config {
  std::string model_type;  ///< "llava_next" or "llava_onevision"
  nn::VitConfig vision;
  TextConfig text;
  std::vector<media::Size> resolutions;
  /// LLaVA-OneVision: rows for more patches than so many tiles have are scaled down; 0: never.
  int max_tiles = 0;
  bool projector_bias = true;
  compute::Activation projector_activation = compute::Activation::kGelu;
  std::int32_t image_token = 0;

  bool onevision() const { return model_type == "llava_onevision"; }
  int tile() const { return vision.grid_height * vision.patch_size; }
  /// Rows of tokens after the overview's, each ended by a newline; nothing for a picture that is
  /// its overview alone, whose tokens have one newline behind them.
  media::Size detail_tokens(const media::PatchGrid& grid) const;
  std::int64_t picture_tokens(const media::PatchGrid& grid) const;
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::llava_next
