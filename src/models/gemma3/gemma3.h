// Gemma 3 (Gemma Team, 2025): SigLIP's tower, pooled to a fixed number of tokens, and a decoder in
// which the tokens of one picture see each other.
#pragma once

#include "models/family.h"
#include "models/gemma3/config.h"

namespace saccade::models::gemma3 {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::gemma3
