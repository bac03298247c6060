#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace saccade::engine {

void check_sampling(const SamplingParams& p) {
  const auto check = [](bool good, std::string_view name, double found, std::string_view range) {
    if (!good) fail_usage("{}: wanted {}, found {}", name, range, found);
  };
  check(p.temperature >= 0 && std::isfinite(p.temperature), "temperature", p.temperature,
        "a number from 0 up");
  check(p.top_p > 0 && p.top_p <= 1, "top-p", p.top_p, "a number in (0, 1]");
  check(p.top_k >= 0, "top-k", static_cast<double>(p.top_k), "a count from 0 up");
  check(p.min_p >= 0 && p.min_p <= 1, "min-p", p.min_p, "a number in [0, 1]");
  check(p.repetition_penalty > 0 && std::isfinite(p.repetition_penalty), "repetition-penalty",
        p.repetition_penalty, "a positive number");
}

GeneratedLogprob logprobs_of(std::span<const float> logits, std::int32_t chosen, int top) {
  const double peak = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(logit - peak);
  const double log_total = peak + std::log(sum);
  GeneratedLogprob result{{chosen, logits[chosen] - log_total}, {}};
  for (const std::int32_t id :
       compute::largest_logits(logits, static_cast<std::size_t>(std::max(0, top)))) {
    result.top.push_back({id, logits[id] - log_total});
  }
  return result;
}

}  // namespace saccade::engine
