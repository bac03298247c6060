// Memory for weights, tensors and pages.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace saccade::compute::cpu {

/// Memory aligned for vector loads; what it holds is unknown. Large pieces are mapped, each for
/// itself: they lie in large pages where the system has them, and go back to the system when they
/// are let go, whatever else has been allocated meanwhile. Throws std::bad_alloc.
std::shared_ptr<void> allocate_aligned(std::int64_t bytes);

/// Zeros, mapped and not allocated: pages cost memory only once they are written. Null for 0
/// bytes. Throws Error naming `what` it is for.
std::shared_ptr<void> map_zeros(std::int64_t bytes, std::string_view what);

}  // namespace saccade::compute::cpu
