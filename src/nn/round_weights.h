// Float weights rounded to 8 bits or filled up while they are loaded.
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "tensor/weight_format.h"

namespace saccade::nn {

/// Inputs that share a scale in Q8_0.
inline constexpr std::int64_t kRoundedGroup = 32;

/// A Q8_0 copy of a float matrix, filled up with zeros to [padded_outputs, padded_inputs]; the
/// latter is a multiple of kRoundedGroup.
HostMatrix round_to_q8(const HostMatrix& matrix, std::int64_t padded_outputs,
                       std::int64_t padded_inputs, ThreadPool& threads);

/// A copy of a float matrix, filled up with zeros to [padded_outputs, padded_inputs].
HostMatrix fill_up(const HostMatrix& matrix, std::int64_t padded_outputs,
                   std::int64_t padded_inputs);

}  // namespace saccade::nn
