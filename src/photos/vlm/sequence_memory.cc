#include "photos/vlm/sequence_memory.h"

#include <algorithm>

#include "saccade/memory.h"

namespace saccade::photos {
namespace {

// No tower makes more tokens of a picture than it has patches, whose sides are 14 pixels or more;
// but some enlarge small pictures, or look at parts and at the whole.
constexpr std::int64_t kPixelsPerToken = std::int64_t{14} * 14;
constexpr std::int64_t kLeastPicture = 4096;  // tokens
// What the chat template puts around the question, and the last page of each sequence, half empty.
constexpr std::int64_t kAroundQuestion = 512;  // tokens
// The rest of the device is for a step of the model, and for others.
constexpr double kShare = 0.8;

bool is_same_model(const Tier& a, const Tier& b) {
  return a.kind == Tier::Kind::kVlm && a.vlm.url.empty() && a.vlm.model == b.vlm.model &&
         a.vlm.engine.device == b.vlm.engine.device;
}

/// Of one photo, at most; a token has a byte of text or more.
std::int64_t tokens_of(const Tier& tier, std::int64_t context_length) {
  const std::int64_t tokens = static_cast<std::int64_t>(tier.prompt.size()) + kAroundQuestion +
                              std::max(*tier.max_pixels / kPixelsPerToken, kLeastPicture) +
                              tier.max_tokens;
  return std::min(tokens, context_length);
}

}  // namespace

std::optional<std::int64_t> sequence_memory(const Settings& settings, const Tier& tier) {
  const ModelInfo info = inspect_model(tier.vlm.model, tier.vlm.engine);
  std::int64_t tokens = 0, sequences = 0;
  for (const Tier& asking : settings.tiers) {
    const Tier* larger = asking.escalate.empty() ? nullptr : settings.find(asking.escalate);
    const bool asks = is_same_model(asking, tier) || (larger && is_same_model(*larger, tier));
    if (!asks) continue;
    if (!asking.max_pixels) return std::nullopt;
    tokens += asking.concurrency * tokens_of(asking, info.context_length);
    sequences += asking.concurrency;
  }
  const std::int64_t bytes = bytes_for_sequences(info, tokens, sequences);
  const std::int64_t available =
      device_info(tier.vlm.engine).available_memory_bytes - memory_needs(info).weights;
  if (static_cast<double>(bytes) > kShare * static_cast<double>(available)) return std::nullopt;
  return bytes;
}

}  // namespace saccade::photos
