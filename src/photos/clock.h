// The time as the database keeps it.
#pragma once

#include <chrono>
#include <cstdint>

namespace saccade::photos {

/// Milliseconds since 1970-01-01T00:00:00Z.
inline std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace saccade::photos
