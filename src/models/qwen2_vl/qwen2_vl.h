// Qwen2-VL (Wang et al., 2024).
#pragma once

#include "models/family.h"

namespace saccade::models::qwen2_vl {

/// The registry's entry.
Family family();

}  // namespace saccade::models::qwen2_vl
