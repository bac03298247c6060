// Qwen3-VL (Qwen Team, 2025), dense and with experts.
#pragma once

#include "models/family.h"

namespace saccade::models::qwen3_vl {

/// The registry's entries.
Family family();
Family moe_family();

}  // namespace saccade::models::qwen3_vl
