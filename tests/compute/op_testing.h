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
#include "compute/cuda/cuda.h"
#include "reference.h"
#if defined(SACCADE_GPU_HOST)
#include "compute/gpu/host/host_gpu_device.h"
#endif

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

/// Every GPU there is in this process: the shared kernels on the host, with threads taking turns
/// in both orders, and a real GPU where there is one. All in f32, as the reference is.
inline std::vector<std::unique_ptr<Device>> gpu_devices(bool exact = true) {
  std::vector<std::unique_ptr<Device>> devices;
#if defined(SACCADE_GPU_HOST)
  devices.push_back(std::make_unique<gpu::HostGpuDevice>(exact));
  devices.push_back(std::make_unique<gpu::HostGpuDevice>(exact, gpu::TurnOrder::kBackward));
#endif
  if (!cuda::list_cuda_devices().empty()) devices.push_back(cuda::make_cuda_device({0, exact}));
  return devices;
}

/// GPUs add up in an order of their own, and their exponentials differ in the last bits.
inline constexpr double kGpuTolerance = 1e-5;

/// Runs `body` on a device of each instruction set and thread count, inputs of products unrounded;
/// all results must be the same bits. GPUs must come close to them, relative to the largest.
/// Returns the bits.
inline Matrix on_all_devices(const std::function<Matrix(Device&)>& body) {
  Matrix first;
  std::string first_name;
  for (const std::string& isa : isas_here()) {
    for (const int threads : {1, 3}) {
      cpu::CpuDevice device({threads, isa, /*rounded_inputs=*/false});
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
  for (const auto& device : gpu_devices()) {
    SCOPED_TRACE(device->info().name);
    expect_close(body(*device), std::vector<double>(first.begin(), first.end()), kGpuTolerance);
  }
  return first;
}

/// Runs `body` on a device of each instruction set and thread count, inputs of products rounded as
/// they are unless float32 is asked for; all results must be the same bits. Not for products with
/// bf16 weights, which avx512_bf16 multiplies in its own way.
inline Matrix on_all_rounding_devices(const std::function<Matrix(Device&)>& body) {
  Matrix first;
  for (const std::string& isa : isas_here()) {
    for (const int threads : {1, 3}) {
      cpu::CpuDevice device({threads, isa});
      const Matrix result = body(device);
      if (first.empty()) first = result;
      EXPECT_EQ(result, first) << isa << " with " << threads << " threads";
    }
  }
  return first;
}

}  // namespace saccade::compute
