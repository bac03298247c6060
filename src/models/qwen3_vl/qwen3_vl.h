// Qwen3-VL, dense (Qwen Team, 2025).
#pragma once

#include "models/family.h"

namespace saccade::models::qwen3_vl {

/// The registry's entry.
Family family();

}  // namespace saccade::models::qwen3_vl
