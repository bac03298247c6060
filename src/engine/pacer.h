// How much may be done beside running answers.
#pragma once

#include <cstdint>

namespace saccade::engine {

/// Learns how long steps take, and says how many prompt tokens or milliseconds of other work may go
/// into the next one, so that nobody waits for a token of a running answer more than (1 +
/// max_slowdown) times as long as without them. Estimates follow the last steps.
class Pacer {
 public:
  explicit Pacer(double max_slowdown) : max_slowdown_(max_slowdown) {}

  /// A step of so many tokens of answers and of prompts took so long.
  void note(std::int64_t decoded, std::int64_t prefilled, double ms);
  /// Prompt tokens that the next step may take beside tokens of answers.
  std::int64_t prefill_tokens() const;
  /// Milliseconds that may pass between two steps of answers.
  double slice_ms() const;

 private:
  double max_slowdown_;
  double decode_ms_ = 0.0;             // of a step of answers alone; 0: not known yet
  double prefill_ms_per_token_ = 0.0;  // beside them
};

}  // namespace saccade::engine
