// Figures of several runs, and how near they are to what a device can do.
#include <algorithm>

#include "engine/bench.h"

namespace saccade::engine {

void fill_row(BenchRow& row, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  row.min = values.front();
  row.max = values.back();
  row.median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2.0;
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

void fill_limit(BenchRow& row, const BenchRoofline& measured, const compute::Work& work,
                double tokens) {
  const compute::Roofline roofline = to_internal(measured);
  const double seconds = roofline.seconds(work);
  const bool time = row.unit == "ms";
  row.limit = time ? 1000.0 * seconds : tokens / seconds;
  row.share = time ? *row.limit / row.median : row.median / *row.limit;
  row.bound = roofline.bound(work);
}

}  // namespace saccade::engine
