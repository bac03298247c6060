// Choosing the next token.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "saccade/request.h"

namespace saccade::engine {

/// Sampling settings with nothing left open.
struct SamplingParams {
  double temperature = 0.0;
  double top_p = 1.0;
  std::int64_t top_k = 0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
};

/// Throws Error of kind kUsage naming the setting that is out of range.
void check_sampling(const SamplingParams& params);

/// Uniform numbers by SplitMix64 (Steele, Lea and Flood, 2014): the same seed gives the same
/// numbers on every machine, which the standard library's distributions do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// In [0, 1).
  double uniform();

 private:
  std::uint64_t state_;
};

/// Chooses one sequence's tokens. Cuts are applied in the order of transformers: repetition penalty
/// (Keskar et al., 2019), temperature, top-k, top-p (Holtzman et al., 2019), min-p (Nguyen et al.,
/// 2024).
class Sampler {
 public:
  /// `prompt` counts for the repetition penalty.
  Sampler(const SamplingParams& params, std::uint64_t seed, std::span<const std::int32_t> prompt);

  /// logits [vocab_size]; changed in place by the penalty.
  std::int32_t choose(std::span<float> logits);

 private:
  std::int32_t draw(std::span<const float> logits);

  SamplingParams params_;
  Random random_;
  std::unordered_set<std::int32_t> seen_;
};

/// Log-probabilities of `chosen` and of the `top` likeliest tokens under softmax(logits); ties go
/// to the lower id.
GeneratedLogprob logprobs_of(std::span<const float> logits, std::int32_t chosen, int top);

}  // namespace saccade::engine
