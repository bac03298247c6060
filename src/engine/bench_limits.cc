// Figures of several runs, and how near they are to what a device can do.
#include <algorithm>

#include "engine/bench.h"

namespace saccade::engine {

namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2.0;
}

}  // namespace

void fill_row(BenchRow& row, std::vector<double> values) {
  const auto [smallest, largest] = std::ranges::minmax(values);
  row.min = smallest;
  row.max = largest;
  row.median = median(std::move(values));
}

BenchRoofline to_public(const compute::Roofline& roofline) {
  BenchRoofline result{roofline.bytes_per_second, roofline.bandwidth, {}, roofline.products};
  for (const compute::Arithmetic arithmetic : compute::kAllArithmetics) {
    const double rate = roofline.operations[arithmetic];
    if (rate > 0.0) result.peaks.push_back({std::string(arithmetic_name(arithmetic)), rate});
  }
  return result;
}

compute::Roofline to_internal(const BenchRoofline& roofline) {
  compute::Roofline result{roofline.bytes_per_second, roofline.bandwidth, {}, roofline.products};
  for (const BenchPeak& peak : roofline.peaks) {
    for (const compute::Arithmetic arithmetic : compute::kAllArithmetics) {
      if (peak.arithmetic != arithmetic_name(arithmetic)) continue;
      result.operations[arithmetic] = peak.operations_per_second;
    }
  }
  return result;
}

void fill_limit(BenchRow& row, const BenchRuns& runs, const compute::Work& work, double tokens) {
  const bool time = row.unit == "ms";
  std::vector<double> limits;
  std::vector<double> shares;
  for (std::size_t i = 0; i < runs.values.size(); ++i) {
    const double seconds = (runs.limits[i].seconds(work) + runs.limits[i + 1].seconds(work)) / 2.0;
    limits.push_back(time ? 1000.0 * seconds : tokens / seconds);
    shares.push_back(time ? limits[i] / runs.values[i] : runs.values[i] / limits[i]);
  }
  row.limit = median(std::move(limits));
  row.share = median(std::move(shares));
  row.bound = runs.limits.back().bound(work);
}

}  // namespace saccade::engine
