#include <algorithm>

#include "engine/memory_limits.h"
#include "engine/scheduler.h"
#include "saccade/memory.h"

namespace saccade {
namespace {

// A few pictures with a question about them.
constexpr std::int64_t kLeastTokens = 4096;

/// So much that both pages for `tokens` and `states` fit, of which states get their share alone.
std::int64_t sequence_bytes(const ModelInfo& info, std::int64_t tokens, std::int64_t states) {
  const std::int64_t state_bytes = states * info.state_bytes_per_sequence;
  return std::max(engine::kStateShare * state_bytes,
                  state_bytes + tokens * info.kv_bytes_per_token);
}

}  // namespace

MemoryNeeds memory_needs(const ModelInfo& info) {
  const std::int64_t most_tokens =
      std::max(engine::kMaxFullSequences * info.context_length, engine::kMinKvTokens);
  return {info.bytes, engine::kWorkingBytes,
          sequence_bytes(info, std::min(info.context_length, kLeastTokens), 1),
          sequence_bytes(info, most_tokens, engine::Scheduler::kMaxSequences)};
}

}  // namespace saccade
