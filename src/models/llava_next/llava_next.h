// LLaVA-NeXT (Liu et al., 2024) and LLaVA-OneVision (Li et al., 2024): LLaVA for pictures in tiles,
// put together again after the tower, with a learned vector at the end of each row.
#pragma once

#include "models/family.h"
#include "models/llava_next/config.h"

namespace saccade::models::llava_next {

/// The registry's entries.
Family family();
Family onevision_family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::llava_next
