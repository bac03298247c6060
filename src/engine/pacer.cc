#include "engine/pacer.h"

#include <algorithm>

namespace saccade::engine {
namespace {

// How much the last step counts; noise of single steps evens out over some ten.
constexpr double kWeight = 0.2;
// Fewer rows cost nearly as much as these: their weights are read once for all of them.
constexpr std::int64_t kMinPrefill = 8;
// Before anything is known.
constexpr double kFirstSliceMs = 20.0;
// A slice is at least this long, so that the tower gets on beside small models.
constexpr double kMinSliceMs = 1.0;

void follow(double& estimate, double value) {
  estimate = estimate == 0.0 ? value : estimate + kWeight * (value - estimate);
}

}  // namespace

void Pacer::note(std::int64_t decoded, std::int64_t prefilled, double ms) {
  if (prefilled == 0) {
    if (decoded > 0) follow(decode_ms_, ms);
    return;
  }
  const double alone = decoded > 0 ? std::min(decode_ms_, ms) : 0.0;
  follow(prefill_ms_per_token_, (ms - alone) / static_cast<double>(prefilled));
}

std::int64_t Pacer::prefill_tokens() const {
  if (decode_ms_ == 0.0 || prefill_ms_per_token_ == 0.0) return kMinPrefill;
  const double tokens = max_slowdown_ * decode_ms_ / prefill_ms_per_token_;
  return std::max(kMinPrefill, static_cast<std::int64_t>(std::min(tokens, 1e9)));
}

double Pacer::slice_ms() const {
  return decode_ms_ == 0.0 ? kFirstSliceMs : std::max(kMinSliceMs, max_slowdown_ * decode_ms_);
}

}  // namespace saccade::engine
