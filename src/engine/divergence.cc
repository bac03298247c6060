#include "engine/divergence.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace saccade::engine {
namespace {

double log_sum_exp(std::span<const float> logits) {
  const double peak = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(logit - peak);
  return peak + std::log(sum);
}

}  // namespace

double kl_divergence(std::span<const float> a, std::span<const float> b) {
  const double total_a = log_sum_exp(a);
  const double total_b = log_sum_exp(b);
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double log_a = a[i] - total_a;
    sum += std::exp(log_a) * (log_a - (b[i] - total_b));
  }
  // Terms of both signs cancel; of nearly equal distributions rounding may leave less than nothing.
  return std::max(0.0, sum);
}

std::size_t likeliest(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

Divergence summarize(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t count = values.size();
  const std::size_t rank = (count * 99 + 99) / 100;  // the 99th percentile's, from 1
  return {.mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(count),
          .median = (values[(count - 1) / 2] + values[count / 2]) / 2.0,
          .p99 = values[rank - 1],
          .max = values.back()};
}

}  // namespace saccade::engine
