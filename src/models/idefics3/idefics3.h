// Idefics3 (Laurençon et al., 2024) and SmolVLM (Marafioti et al., 2025): a SigLIP-like tower over
// tiles, pixel shuffling, one linear map, and a decoder of any text family.
#pragma once

#include "models/family.h"
#include "models/idefics3/config.h"

namespace saccade::models::idefics3 {

/// The registry's entries: one model under two names.
Family family();
Family smolvlm_family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::idefics3
