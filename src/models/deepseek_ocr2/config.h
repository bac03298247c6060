// Sizes of a DeepSeek-OCR 2 model, from config.json.
#pragma once

#include "checkpoint/checkpoint.h"
#include "models/deepseek_ocr2/sam.h"
#include "models/text_config.h"

namespace saccade::models::deepseek_ocr2 {

struct Config {
  SamConfig sam;
  nn::DecoderConfig encoder;
  TextConfig text;
  std::int32_t image_token = 0;
};

/// Throws Error naming the key for anything missing, impossible or not implemented.
Config read_config(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::deepseek_ocr2
