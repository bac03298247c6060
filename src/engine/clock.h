// What time it is.
#pragma once

#include <chrono>
#include <functional>

namespace saccade::engine {

using Clock = std::chrono::steady_clock;

/// Where what is done depends on the time: the clock's, or that of a simulation.
using Now = std::function<Clock::time_point()>;

}  // namespace saccade::engine
