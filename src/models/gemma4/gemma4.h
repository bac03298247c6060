// Gemma 4 (Gemma Team, 2026), its image part: a tower for pictures of any shape, and a decoder that
// is dense, has inputs for each layer (E2B, E4B), or experts beside its MLPs (26B-A4B).
#pragma once

#include "models/family.h"
#include "models/gemma4/config.h"

namespace saccade::models::gemma4 {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::gemma4
