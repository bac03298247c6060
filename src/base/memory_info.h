// How much memory the machine has and this process uses.
#pragma once

#include <cstdint>

namespace saccade {

/// Bytes of physical memory.
std::int64_t total_memory_bytes();

/// Bytes that can be allocated without swapping, within the limit of the process's control group.
std::int64_t available_memory_bytes();

/// The largest resident set this process has had, in bytes.
std::int64_t peak_memory_bytes();

/// Measures peak_memory_bytes() from here on, where the system lets a process do that.
void forget_peak_memory();

/// Gives memory that was freed back to the system, where the C library keeps it: after large things
/// that do not come back soon.
void return_free_memory();

}  // namespace saccade
