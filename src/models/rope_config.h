// Rotary position settings of config.json.
#pragma once

#include <optional>

#include "base/json.h"
#include "nn/rotary.h"

namespace saccade::models {

/// How the frequencies of a head are dealt to the axes of a position.
enum class RopeAxes {
  kText,         ///< one axis
  kMultimodal,   ///< three axes in consecutive sections (Qwen2-VL)
  kInterleaved,  ///< three axes in turn (Qwen3-VL)
};

/// What the settings do not say themselves.
struct RopeDefaults {
  double theta = 10000.0;
  int head_dim = 0;
  std::int64_t context_length = 0;
  RopeAxes axes = RopeAxes::kText;
  /// partial_rotary_factor, where it stands beside the settings; families without one refuse it.
  double partial = 1.0;
  bool may_be_partial = false;
};

/// The rotary positions that one object of settings asks for: rope_parameters of transformers 5, or
/// rope_scaling of older files; without either, plain ones. Throws Error naming every key and rope
/// type that is not implemented.
nn::RotaryAxes read_rotary(const std::optional<JsonObject>& settings, const std::string& where,
                           const RopeDefaults& defaults);

/// The object of settings in a decoder's config, in either layout.
std::optional<JsonObject> rope_settings(const JsonObject& config);

}  // namespace saccade::models
