// How long tests wait for what should come.
#pragma once

#include <chrono>
#include <thread>

// How many times as long as in a build at full speed things take in this one; builds with
// sanitizers are told (cmake/saccade_library.cmake), and CTest's own limit with them.
#ifndef SACCADE_TEST_SLOWDOWN
#define SACCADE_TEST_SLOWDOWN 1
#endif

namespace saccade {

/// The time after which a test stops waiting: `limit`, which is far more than it takes at full
/// speed, and in a slower build so much longer. So a test that fails by it has found something that
/// does not come, in whichever build.
template <typename Rep, typename Period>
constexpr std::chrono::duration<Rep, Period> patience(std::chrono::duration<Rep, Period> limit) {
  return limit * SACCADE_TEST_SLOWDOWN;
}

/// Asks again and again until `condition` holds; false when it does not in time.
template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience(std::chrono::seconds(30));
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace saccade
