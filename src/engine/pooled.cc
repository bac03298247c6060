#include "engine/pooled.h"

#include <cmath>

#include "base/error.h"

namespace saccade::engine {

void Pooled::add(std::span<const float> rows, std::int64_t width, std::int64_t stride) {
  sums_.resize(static_cast<std::size_t>(width));
  for (std::int64_t begin = 0; begin < std::ssize(rows); begin += stride, ++rows_) {
    for (std::int64_t i = 0; i < width; ++i) sums_[i] += rows[begin + i];
  }
}

void Pooled::clear() {
  sums_.clear();
  rows_ = 0;
}

std::vector<float> Pooled::finish() const {
  double squares = 0.0;
  for (const double sum : sums_) squares += sum * sum;
  // Without a division by the number of rows: the direction is the same.
  const double length = std::sqrt(squares);
  if (!(length > 0.0) || !std::isfinite(length)) {
    fail("the model computed no embedding: its values are not numbers, or all zero");
  }
  std::vector<float> values;
  values.reserve(sums_.size());
  for (const double sum : sums_) values.push_back(static_cast<float>(sum / length));
  return values;
}

}  // namespace saccade::engine
