// Qwen2.5-VL (Bai et al., 2025).
#pragma once

#include "models/family.h"

namespace saccade::models::qwen2_5_vl {

/// The registry's entry.
Family family();

}  // namespace saccade::models::qwen2_5_vl
