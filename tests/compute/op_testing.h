// What the tests of operations share: devices of every instruction set, and comparisons.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compute/cpu/cpu_device.h"
#include "compute/cpu/isa.h"
#include "reference.h"

namespace saccade::compute {

using reference::Matrix;
using reference::random_matrix;

inline std::vector<std::string> isas_here() {
  std::vector<std::string> isas;
  for (const std::string& isa : cpu::built_isas()) {
    if (cpu::isa_runs_here(isa)) isas.push_back(isa);
  }
  return isas;
}

inline Tensor upload(Device& device, const Matrix& values, const Shape& shape) {
  Tensor tensor = device.empty(DType::kF32, shape);
  device.upload(tensor, values.data());
  return tensor;
}

inline Matrix download(Device& device, const Tensor& tensor) {
  Matrix values(tensor.shape().elements());
  device.download(values.data(), tensor);
  return values;
}

inline std::unique_ptr<SpanTable> span_table(Device& device,
                                             const std::vector<SequenceSpan>& spans) {
  auto table = device.make_span_table(0, 0);
  table->assign(spans);
  return table;
}

inline void expect_close(const Matrix& found, const std::vector<double>& wanted, double tolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  double largest = 1e-30;
  for (const double value : wanted) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], wanted[i], tolerance * largest) << "element " << i;
  }
}

/// Runs `body` on a device of each instruction set and thread count; all results must be the same
/// bits. Returns them.
inline Matrix on_all_devices(const std::function<Matrix(Device&)>& body) {
  Matrix first;
  std::string first_name;
  for (const std::string& isa : isas_here()) {
    for (const int threads : {1, 3}) {
      cpu::CpuDevice device({threads, isa});
      const Matrix result = body(device);
      if (first_name.empty()) {
        first = result;
        first_name = isa;
      }
      EXPECT_EQ(result.size(), first.size());
      EXPECT_EQ(std::memcmp(result.data(), first.data(), first.size() * sizeof(float)), 0)
          << isa << " with " << threads << " threads differs from " << first_name;
    }
  }
  return first;
}

}  // namespace saccade::compute
