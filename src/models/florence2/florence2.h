// Florence-2 (Xiao et al., 2024): DaViT's tower, whose places a BART reads before the question, and
// answers in words and in places of the picture.
#pragma once

#include "models/family.h"
#include "models/florence2/config.h"

namespace saccade::models::florence2 {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::florence2
