// What the tests of shared GPU kernels have in common: memory of either float type with strides and
// guards, launches in both orders, comparisons.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <type_traits>
#include <vector>

#include "../reference.h"
#include "compute/gpu/host/executor.h"
#include "tensor/dtype.h"

namespace saccade::compute::gpu {

using reference::Matrix;
using reference::random_matrix;
using saccade::gpu::f16;
using saccade::gpu::i32;
using saccade::gpu::u32;
using saccade::gpu::u64;

template <typename T>
T stored(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    return static_cast<T>(f32_to_f16(value));
  }
}
inline float loaded(float value) {
  return value;
}
inline float loaded(f16 value) {
  return f16_to_f32(static_cast<std::uint16_t>(value));
}

/// Rows in "device" memory, `stride` elements apart, with NaNs wherever nothing was put.
template <typename T>
class Rows {
 public:
  Rows(std::int64_t rows, std::int64_t n, std::int64_t stride = 0, std::int64_t offset = 0)
      : rows_(rows),
        n_(n),
        stride_(stride ? stride : n),
        offset_(offset),
        data_(static_cast<std::size_t>(offset + rows * stride_ + kGuard),
              stored<T>(std::numeric_limits<float>::quiet_NaN())) {}

  Rows(const Matrix& values, std::int64_t n, std::int64_t stride = 0, std::int64_t offset = 0)
      : Rows(static_cast<std::int64_t>(values.size()) / n, n, stride, offset) {
    for (std::int64_t r = 0; r < rows_; ++r) {
      for (std::int64_t i = 0; i < n_; ++i) data()[r * stride_ + i] = stored<T>(values[r * n_ + i]);
    }
  }

  T* data() { return data_.data() + offset_; }
  const T* data() const { return data_.data() + offset_; }
  u64 stride() const { return static_cast<u64>(stride_); }
  std::int64_t rows() const { return rows_; }

  /// What is there, as the type keeps it. Checks that nothing was written between rows.
  Matrix values() const {
    Matrix values;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(data_.size()); ++i) {
      const std::int64_t at = i - offset_;
      if (at >= 0 && at / stride_ < rows_ && at % stride_ < n_) {
        values.push_back(loaded(data_[i]));
      } else {
        EXPECT_TRUE(std::isnan(loaded(data_[i]))) << "written outside of the rows, at " << at;
      }
    }
    return values;
  }

 private:
  static constexpr std::int64_t kGuard = 16;

  std::int64_t rows_, n_, stride_, offset_;
  std::vector<T> data_;
};

/// Values as they are after a round trip through T.
template <typename T>
Matrix rounded(Matrix values) {
  for (float& value : values) value = loaded(stored<T>(value));
  return values;
}

/// Half the distance to the next value of T, relative, and what float arithmetic may add.
template <typename T>
constexpr double tolerance_of() {
  return std::is_same_v<T, float> ? 2e-6 : 0.00051;
}

template <typename Wanted>
void expect_near(const Matrix& found, const std::vector<Wanted>& wanted, double tolerance,
                 double absolute = 1e-6) {
  ASSERT_EQ(found.size(), wanted.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], wanted[i], tolerance * std::abs(wanted[i]) + absolute) << "element " << i;
  }
}

/// Calls body(executor) for executors with one thread and three, forward and backward, and checks
/// that it returns the same bits.
inline Matrix on_all_executors(const std::function<Matrix(HostExecutor&)>& body) {
  HostExecutor first;
  const Matrix wanted = body(first);
  ThreadPool threads(3);
  HostExecutor second(&threads, TurnOrder::kBackward);
  const Matrix found = body(second);
  const auto same_bits = [](float a, float b) {
    return std::bit_cast<u32>(a) == std::bit_cast<u32>(b);
  };
  EXPECT_TRUE(std::equal(found.begin(), found.end(), wanted.begin(), wanted.end(), same_bits))
      << "the order of threads matters";
  return wanted;
}

inline u32 divided_up(std::int64_t a, std::int64_t b) {
  return static_cast<u32>((a + b - 1) / b);
}

}  // namespace saccade::compute::gpu
