// Qwen2.5-VL: vision tower, multimodal rotary decoder and processor.
#pragma once

#include "models/family.h"
#include "models/qwen2_5_vl/config.h"

namespace saccade::models::qwen2_5_vl {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::qwen2_5_vl
