// Float weights rounded to 8 bits or filled up while they are loaded.
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "tensor/weight_format.h"

namespace saccade::nn {

/// Inputs that share a scale where their number can be chosen. Integer products of so many are
/// added up before a scale comes to them, which is a seventh faster than with groups of 32.
inline constexpr std::int64_t kRoundedGroup = 128;

/// The inputs that share a scale in a matrix of so many: 128, 64 or 32, whichever divides them; 0
/// where none does, and the matrix stays as it is.
std::int64_t rounded_group(std::int64_t inputs);

/// A copy of a float matrix with 8 bits a weight and a float16 scale a group, filled up with zeros
/// to [padded_outputs, padded_inputs]; the latter has a group.
HostMatrix round_to_int8(const HostMatrix& matrix, std::int64_t padded_outputs,
                         std::int64_t padded_inputs, ThreadPool& threads);

/// A copy of a float matrix, filled up with zeros to [padded_outputs, padded_inputs].
HostMatrix fill_up(const HostMatrix& matrix, std::int64_t padded_outputs,
                   std::int64_t padded_inputs);

}  // namespace saccade::nn
