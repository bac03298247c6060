// Which build of the program this is.
#pragma once

#include <string>

namespace saccade {

/// Names the running program by what it was linked from, as hexadecimal: two builds with the same
/// name compute the same. Empty where a program has none.
std::string build_id();

}  // namespace saccade
