// How far the library is, and what went wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "photos/settings.h"
#include "photos/sql.h"

namespace saccade::photos {

struct TierProgress {
  std::string name;
  std::string title;
  std::int64_t blocked = 0;
  std::int64_t waiting = 0;
  std::int64_t running = 0;
  std::int64_t failed = 0;
  std::int64_t set_aside = 0;
  std::int64_t shared = 0;  ///< another photo answered: the model was not asked
  std::int64_t done = 0;
  double per_minute = 0.0;            ///< in the last minute
  std::optional<double> eta_seconds;  ///< until nothing waits; none: nothing does, or nobody knows
  std::optional<double> p50_ms;       ///< of the last two hundred
  std::optional<double> p95_ms;
  std::optional<double> p99_ms;
};

struct Progress {
  std::vector<TierProgress> tiers;
  std::int64_t photos = 0;
  std::int64_t reviewed = 0;
  std::int64_t clusters = 0;
  std::int64_t errors = 0;  ///< photos that a tier failed or gave up, files that cannot be read
  std::int64_t missing_files = 0;
};

Progress read_progress(Connection& connection, const Settings& settings, std::int64_t now);

struct Problem {
  std::optional<std::int64_t> photo;  ///< none: a file that could not be read
  std::string path;
  std::string name;
  std::string tier;
  std::string state;  ///< "failed", "set_aside", "unreadable"
  std::string error;
  std::int64_t attempts = 0;
  std::optional<std::int64_t> next_try;  ///< milliseconds since 1970
};

std::vector<Problem> read_problems(Connection& connection, std::int64_t limit);

}  // namespace saccade::photos
