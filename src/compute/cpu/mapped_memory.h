// Memory that costs nothing before it is written.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

namespace saccade::compute::cpu {

/// Zeros, mapped and not allocated: pages cost memory only once they are written. Null for 0
/// bytes. Throws Error naming `what` it is for.
std::shared_ptr<void> map_zeros(std::int64_t bytes, std::string_view what);

}  // namespace saccade::compute::cpu
