// Distances between next-token distributions.
#pragma once

#include <span>
#include <vector>

#include "saccade/compare.h"

namespace saccade::engine {

/// KL(softmax(a) || softmax(b)) in nats, in double precision; 0 exactly when both are the same
/// bits. The spans have the same size and hold finite numbers.
double kl_divergence(std::span<const float> a, std::span<const float> b);

/// The index of the largest, the lowest among equals: the greedy token.
std::size_t likeliest(std::span<const float> logits);

/// Mean, median (of an even number: between the middle two), 99th percentile by nearest rank, and
/// maximum. All 0 of nothing.
Divergence summarize(std::vector<double> values);

}  // namespace saccade::engine
