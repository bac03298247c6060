// DeepSeek-OCR 2 (Wei et al., 2026): SAM's encoder over tiles and the whole, layers of a language
// model that read each view with learned queries, a linear map, and a decoder with experts.
#pragma once

#include "models/deepseek_ocr2/config.h"
#include "models/family.h"

namespace saccade::models::deepseek_ocr2 {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::deepseek_ocr2
