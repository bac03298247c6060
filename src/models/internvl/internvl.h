// InternVL 2.5 to 3.5 as transformers has it (Chen et al., 2024; Zhu et al., 2025): InternViT over
// tiles, pixel unshuffling, a normed projector of two linear maps, and a decoder of any family.
#pragma once

#include "models/family.h"
#include "models/internvl/config.h"

namespace saccade::models::internvl {

/// The registry's entry.
Family family();

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models::internvl
