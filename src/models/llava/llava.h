// LLaVA 1.5 (Liu et al., 2023) and what transformers keeps under its name: a CLIP, SigLIP or
// Pixtral tower, a projector of two linear maps, and a decoder of any text family.
#pragma once

#include "models/family.h"
#include "models/llava/config.h"

namespace saccade::models::llava {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::llava
