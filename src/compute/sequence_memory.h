// Where a forward pass keeps what later ones need to know of its sequences.
#pragma once

#include "compute/kv_cache.h"
#include "compute/state_store.h"

namespace saccade::compute {

/// Pages of keys and values, and states of models whose layers have some. A batch's spans say
/// which pages and which state belong to whom.
struct SequenceMemory {
  /// Most models have keys and values alone.
  SequenceMemory(KvCache& cache, StateStore* state_store = nullptr)
      : kv(cache), states(state_store) {}

  KvCache& kv;
  StateStore* states;  ///< null: the model's layers have none
};

}  // namespace saccade::compute
