#include <algorithm>

#include "engine/memory_limits.h"
#include "engine/scheduler.h"
#include "saccade/memory.h"

namespace saccade {
namespace {

// A few pictures with a question about them.
constexpr std::int64_t kLeastTokens = 4096;

}  // namespace

std::int64_t bytes_for_sequences(const ModelInfo& info, std::int64_t tokens,
                                 std::int64_t sequences) {
  // Of all of it states get their share alone.
  const std::int64_t state_bytes = sequences * info.state_bytes_per_sequence;
  return std::max(engine::kStateShare * state_bytes,
                  state_bytes + tokens * info.kv_bytes_per_token);
}

MemoryNeeds memory_needs(const ModelInfo& info) {
  const std::int64_t most_tokens =
      std::max(engine::kMaxFullSequences * info.context_length, engine::kMinKvTokens);
  return {info.bytes, engine::kWorkingBytes,
          bytes_for_sequences(info, std::min(info.context_length, kLeastTokens), 1),
          bytes_for_sequences(info, most_tokens, engine::Scheduler::kMaxSequences)};
}

}  // namespace saccade
