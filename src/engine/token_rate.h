// How fast tokens come just now.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <numeric>

namespace saccade::engine {

/// Counts tokens of the last seconds. One thread at a time.
class TokenRate {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr int kSeconds = 10;

  void add(std::int64_t tokens, Clock::time_point now) {
    forget(now);
    counts_[index(second_)] += tokens;
  }
  /// Tokens a second, on the average of the last kSeconds.
  double per_second(Clock::time_point now) {
    forget(now);
    return static_cast<double>(std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0})) /
           kSeconds;
  }

 private:
  static std::size_t index(std::int64_t second) {
    return static_cast<std::size_t>(second % kSeconds);
  }
  /// Empties the places of seconds that are past.
  void forget(Clock::time_point now) {
    const std::int64_t second =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    const std::int64_t first = std::max(second_ + 1, second - kSeconds + 1);
    for (std::int64_t i = first; i <= second; ++i) counts_[index(i)] = 0;
    second_ = std::max(second_, second);
  }

  std::array<std::int64_t, kSeconds> counts_ = {};
  std::int64_t second_ = 0;  // the latest, since the clock's beginning
};

}  // namespace saccade::engine
