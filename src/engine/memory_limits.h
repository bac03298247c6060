// How a model's memory is divided, where nobody says otherwise.
#pragma once

#include <cstdint>

namespace saccade::engine {

/// Working memory of a step besides weights and key-value pages.
constexpr std::int64_t kWorkingBytes = std::int64_t{64} << 20;
/// Of the memory for sequences, states get one part in so many at most.
constexpr std::int64_t kStateShare = 4;
/// Sequences of full length that one engine keeps pages for.
constexpr std::int64_t kMaxFullSequences = 4;
/// Where contexts are short, tokens that there are pages for all the same.
constexpr std::int64_t kMinKvTokens = 65536;

}  // namespace saccade::engine
