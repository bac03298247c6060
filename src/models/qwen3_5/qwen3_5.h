// Qwen3.5 (Qwen Team, 2026): Qwen3-VL's tower before a decoder most of whose layers are linear
// attention; dense and with experts.
#pragma once

#include "models/family.h"

namespace saccade::models::qwen3_5 {

/// The registry's entries.
Family family();
Family moe_family();

}  // namespace saccade::models::qwen3_5
