// What a model takes of its device's memory.
#pragma once

#include <cstdint>

#include "saccade/engine.h"

namespace saccade {

/// Bytes on the device that the model runs on, told from its files alone.
struct MemoryNeeds {
  std::int64_t weights = 0;
  std::int64_t working = 0;  ///< of a step, beside the weights
  /// For keys, values and states (EngineOptions::kv_memory_bytes): with less than `least_sequences`
  /// not even one request of some length fits, more than `most_sequences` is never used.
  std::int64_t least_sequences = 0;
  std::int64_t most_sequences = 0;
};

MemoryNeeds memory_needs(const ModelInfo& info);

/// Bytes (EngineOptions::kv_memory_bytes) in which `sequences` of `tokens` in all have room at a
/// time.
std::int64_t bytes_for_sequences(const ModelInfo& info, std::int64_t tokens,
                                 std::int64_t sequences);

}  // namespace saccade
