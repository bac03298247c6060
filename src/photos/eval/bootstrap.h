// How sure a figure is that was measured on some photos: the percentile bootstrap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace saccade::photos::eval {

struct BootstrapOptions {
  int resamples = 2000;
  double confidence = 0.95;
  std::uint64_t seed = 1;
};

struct Interval {
  double estimate = 0.0;
  double low = 0.0;
  double high = 0.0;
};

/// `statistic` of all `count` items, and between which values it lies when as many are drawn from
/// them with replacement (Efron & Tibshirani, An Introduction to the Bootstrap, 1993,
/// section 13.3). It is given the indices of what was drawn. To compare two models, it is the
/// difference of both on the same photos: that is the paired bootstrap, in which what makes a photo
/// hard for both cancels out. The same seed gives the same interval on every machine. Throws Error
/// (usage) for no items, and options out of range.
Interval bootstrap(std::size_t count,
                   const std::function<double(std::span<const std::size_t>)>& statistic,
                   const BootstrapOptions& options = {});

/// The value below which `share` of the values lie, between the nearest two; 0 of none.
double quantile(std::vector<double> values, double share);

}  // namespace saccade::photos::eval
