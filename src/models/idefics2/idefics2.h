// Idefics2 (Laurençon et al., 2024): a SigLIP-like tower over pictures of any size, a gated MLP, a
// perceiver resampler, and a decoder of any text family.
#pragma once

#include "models/family.h"
#include "models/idefics2/config.h"

namespace saccade::models::idefics2 {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::idefics2
