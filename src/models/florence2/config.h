// Sizes of a Florence-2 model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "nn/davit.h"
#include "nn/encoder_decoder.h"

namespace saccade::models::florence2 {

struct Config {
  nn::DavitConfig vision;
  int max_positions = 0;  ///< places along a side of the tower's map
  int max_frames = 0;     ///< of a video, whose embeddings are beside those of places
  nn::EncoderDecoderConfig text;
  std::int64_t context_length = 0;  ///< of the encoder and of the decoder, each
  std::int32_t image_token = 0;

  /// Tokens of a picture of so many pixels: a mean of all places and the places.
  std::int64_t picture_tokens(media::Size pixels) const {
    const media::Size map = vision.output_map(pixels);
    return std::int64_t{map.height} * map.width + 1;
  }
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::florence2
