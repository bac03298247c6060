// What the readers of config.json share.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "compute/device.h"

namespace saccade::models {

// Far above any model, far below where products of sizes could overflow.
inline constexpr std::int64_t kMaxSize = 1 << 22;
inline constexpr std::int64_t kMaxLayers = 1024;
inline constexpr std::int64_t kMaxHeads = 4096;
inline constexpr std::int64_t kMaxVocab = 1 << 24;

/// A count in [low, high]. Throws Error naming the key.
int read_int(const JsonObject& config, std::string_view key, std::int64_t low, std::int64_t high);
/// The same, `otherwise` where the key is absent: also that must be in [low, high].
int read_int_or(const JsonObject& config, std::string_view key, int otherwise, std::int64_t low,
                std::int64_t high);

/// The activation that `key` names, by default `otherwise`. Throws Error for one that is not known.
compute::Activation read_activation(const JsonObject& config, std::string_view key,
                                    std::string_view otherwise);

/// The tokens after which generation ends: eos_token_id of generation_config.json, else of
/// config.json, else of its text_config.
std::vector<std::int32_t> read_end_tokens(const checkpoint::Checkpoint& checkpoint);

}  // namespace saccade::models
