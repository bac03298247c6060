// One vector out of many.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace saccade::engine {

/// The mean of the rows it is given, brought to length 1. Rows are added up in double precision one
/// after the other, so that the bits do not depend on how many came at a time.
class Pooled {
 public:
  /// Rows of `stride` values, of which the first `width` count.
  void add(std::span<const float> rows, std::int64_t width, std::int64_t stride);
  std::int64_t rows() const { return rows_; }
  /// Forgets all rows.
  void clear();
  /// [width]. Throws Error when the rows have no mean with a direction, because they held values
  /// that are no numbers, or nothing but zeros.
  std::vector<float> finish() const;

 private:
  std::vector<double> sums_;  // [width]
  std::int64_t rows_ = 0;
};

}  // namespace saccade::engine
