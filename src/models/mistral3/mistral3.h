// Mistral Small 3.1 (Mistral AI, 2025) as transformers has it: Pixtral's tower, a learned merger of
// neighbouring patches, a projector of two linear maps, and a decoder.
#pragma once

#include "models/family.h"
#include "models/mistral3/config.h"

namespace saccade::models::mistral3 {

/// The registry's entry.
Family family();

}  // namespace saccade::models::mistral3
