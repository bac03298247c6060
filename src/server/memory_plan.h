// How the models of a server share the memory of the device that they run on.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "saccade/memory.h"
#include "server/options.h"

namespace saccade::server {

/// A model whose memory is planned.
struct PlannedModel {
  std::string name;
  MemoryNeeds needs;
};

struct MemoryShare {
  /// For keys, values and states; none: the engine decides, there is no other model.
  std::optional<std::int64_t> kv_bytes;
  /// All that the model takes while it is loaded.
  std::int64_t bytes = 0;
};

/// What each model gets of `options.memory_budget`, or, without one, of the `available_bytes` of
/// the device, in their order. Where all find room together, what their weights leave is divided
/// evenly, and nobody gets more than he can use. Otherwise, within a budget, they take turns: a
/// model gets half of what the budget leaves beside it. Throws Error for a model that can never be
/// loaded, and without a budget when they do not all fit.
std::vector<MemoryShare> plan_memory(std::span<const PlannedModel> models,
                                     const ServeOptions& options, std::int64_t available_bytes);

}  // namespace saccade::server
