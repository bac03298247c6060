// FastVLM (Vasu et al., 2024): FastViTHD, two linear maps, and a decoder of any text family.
#pragma once

#include "models/family.h"
#include "models/fast_vlm/config.h"

namespace saccade::models::fast_vlm {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::fast_vlm
