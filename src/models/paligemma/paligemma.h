// PaliGemma (Beyer et al., 2024) and PaliGemma 2 (Steiner et al., 2024): SigLIP's tower, one linear
// map, and a Gemma that reads the whole prompt in both directions before it answers.
#pragma once

#include "models/family.h"
#include "models/paligemma/config.h"

namespace saccade::models::paligemma {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::paligemma
