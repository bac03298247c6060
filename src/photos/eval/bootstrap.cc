#include "photos/eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "base/error.h"

namespace saccade::photos::eval {
namespace {

/// A whole number below `count`, each as likely; the standard library's distribution is another in
/// each of its implementations.
std::size_t draw(std::mt19937_64& random, std::size_t count) {
  const std::uint64_t most = std::mt19937_64::max() - std::mt19937_64::max() % count;
  for (;;) {
    const std::uint64_t number = random();
    if (number < most) return number % count;
  }
}

/// quantile() of values that are sorted, at least one.
double sorted_quantile(const std::vector<double>& values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], place - static_cast<double>(below));
}

}  // namespace

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0.0;
  std::ranges::sort(values);
  return sorted_quantile(values, share);
}

Interval bootstrap(std::size_t count,
                   const std::function<double(std::span<const std::size_t>)>& statistic,
                   const BootstrapOptions& options) {
  if (count == 0) fail_usage("bootstrap: wanted at least one photo, found none");
  if (options.resamples < 1 || !(options.confidence > 0.0 && options.confidence < 1.0)) {
    fail_usage(
        "bootstrap: wanted resamples from 1 up and a confidence between 0 and 1, found {} and {}",
        options.resamples, options.confidence);
  }
  std::vector<std::size_t> sample(count);
  std::iota(sample.begin(), sample.end(), std::size_t{0});
  Interval interval;
  interval.estimate = statistic(sample);
  std::mt19937_64 random(options.seed);
  std::vector<double> values(static_cast<std::size_t>(options.resamples));
  for (double& value : values) {
    for (std::size_t& index : sample) index = draw(random, count);
    value = statistic(sample);
  }
  std::ranges::sort(values);
  const double tail = (1.0 - options.confidence) / 2.0;
  interval.low = sorted_quantile(values, tail);
  interval.high = sorted_quantile(values, 1.0 - tail);
  return interval;
}

}  // namespace saccade::photos::eval
