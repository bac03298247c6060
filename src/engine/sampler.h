// Settings of sampling, and log-probabilities of what was chosen.
#pragma once

#include <cstdint>
#include <span>

#include "compute/sampler.h"
#include "saccade/request.h"

namespace saccade::engine {

using compute::SamplingParams;

/// Throws Error of kind kUsage naming the setting that is out of range.
void check_sampling(const SamplingParams& params);

/// Log-probabilities of `chosen` and of the `top` likeliest tokens under softmax(logits); ties go
/// to the lower id.
GeneratedLogprob logprobs_of(std::span<const float> logits, std::int32_t chosen, int top);

}  // namespace saccade::engine
