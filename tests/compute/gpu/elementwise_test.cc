// Elementwise kernels of both float types against plain loops.
#include "kernel_testing.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::Function;
using saccade::gpu::kUnit;

struct Case {
  std::int64_t rows, n, stride, offset;
  u32 threads;
};

const Case kCases[] = {
    {3, 64, 64, 0, 32}, {2, 1, 2, 0, 32}, {3, 1000, 1008, 0, 64}, {2, 333, 335, 3, 32}};

Grid grid_of(const Case& c) {
  return {
      .x = static_cast<u32>(c.rows), .y = divided_up(c.n, c.threads * kUnit), .threads = c.threads};
}

struct Named {
  Function function;
  float parameter;
  std::function<double(double)> reference;
};

const std::vector<Named>& functions() {
  static const std::vector<Named> kFunctions = {
      {Function::kSilu, 0, reference::silu},
      {Function::kGelu, 0, reference::gelu},
      {Function::kGeluTanh, 0, reference::gelu_tanh},
      {Function::kQuickGelu, 0, reference::quick_gelu},
      {Function::kRelu, 0, reference::relu},
      {Function::kSigmoid, 0, reference::sigmoid},
      {Function::kScale, 0.37f, [](double x) { return x * 0.37f; }},
      {Function::kSoftcap, 1.5f, [](double x) { return reference::softcap(x, 1.5); }}};
  return kFunctions;
}

template <Kernel kernel, typename X>
void check_map() {
  for (const Case& c : kCases) {
    const Matrix x = rounded<X>(random_matrix(c.rows * c.n, 1, 3.0f));
    for (const Named& f : functions()) {
      const Matrix found = on_all_executors([&](HostExecutor& executor) {
        Rows<X> rows(x, c.n, c.stride, c.offset);
        executor.run<kernel>(grid_of(c), {.x = rows.data(),
                                          .x_stride = rows.stride(),
                                          .n = static_cast<u32>(c.n),
                                          .function = f.function,
                                          .parameter = f.parameter});
        return rows.values();
      });
      std::vector<double> wanted;
      for (const float value : x) wanted.push_back(f.reference(value));
      expect_near(found, wanted, tolerance_of<X>());
    }
  }
}

TEST(ElementwiseTest, Map) {
  check_map<Kernel::map_f32, float>();
  check_map<Kernel::map_f16, f16>();
}

TEST(ElementwiseTest, FunctionsOfExtremesAreFinite) {
  const Matrix x = {-3e38f, -1000.0f, -90.0f, -20.0f, 0.0f, 20.0f, 90.0f, 1000.0f};
  for (const Named& f : functions()) {
    Rows<float> rows(x, 8);
    HostExecutor().run<Kernel::map_f32>({.threads = 32}, {.x = rows.data(),
                                                          .x_stride = 8,
                                                          .n = 8,
                                                          .function = f.function,
                                                          .parameter = f.parameter});
    const Matrix found = rows.values();
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(found[i], f.reference(x[i]), std::abs(f.reference(x[i])) * 1e-5 + 1e-6)
          << "function " << static_cast<int>(f.function) << " of " << x[i];
    }
  }
}

template <Kernel kernel, typename Y, typename X>
void check_add() {
  for (const Case& c : kCases) {
    const Matrix x = rounded<X>(random_matrix(c.rows * c.n, 1));
    const Matrix before = rounded<Y>(random_matrix(c.rows * c.n, 2));
    const Matrix found = on_all_executors([&](HostExecutor& executor) {
      Rows<Y> y(before, c.n, c.stride, c.offset);
      const Rows<X> from(x, c.n, c.stride + 8, c.offset);
      executor.run<kernel>(grid_of(c), {.y = y.data(),
                                        .x = from.data(),
                                        .y_stride = y.stride(),
                                        .x_stride = from.stride(),
                                        .n = static_cast<u32>(c.n)});
      return y.values();
    });
    Matrix wanted = before;
    for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] += x[i];
    EXPECT_EQ(found, rounded<Y>(wanted));
  }
}

TEST(ElementwiseTest, Add) {
  check_add<Kernel::add_f32_f32, float, float>();
  check_add<Kernel::add_f32_f16, float, f16>();
  check_add<Kernel::add_f16_f32, f16, float>();
  check_add<Kernel::add_f16_f16, f16, f16>();
}

template <Kernel kernel, typename X>
void check_scale_columns() {
  for (const Case& c : kCases) {
    const Matrix x = rounded<X>(random_matrix(c.rows * c.n, 1));
    const Matrix factors = random_matrix(c.n, 2);
    const Matrix found = on_all_executors([&](HostExecutor& executor) {
      Rows<X> rows(x, c.n, c.stride, c.offset);
      executor.run<kernel>(grid_of(c), {.x = rows.data(),
                                        .factors = factors.data(),
                                        .x_stride = rows.stride(),
                                        .n = static_cast<u32>(c.n)});
      return rows.values();
    });
    EXPECT_EQ(found, rounded<X>(reference::scale_columns(x, factors)));
  }
}

TEST(ElementwiseTest, ScaleColumns) {
  check_scale_columns<Kernel::scale_columns_f32, float>();
  check_scale_columns<Kernel::scale_columns_f16, f16>();
}

template <Kernel kernel, typename Y, typename X>
void check_gate() {
  for (const Case& c : kCases) {
    const Matrix x = rounded<X>(random_matrix(c.rows * c.n * 2, 1));
    for (int activation = 0; activation < 5; ++activation) {
      const Named& f = functions()[activation];
      const Matrix found = on_all_executors([&](HostExecutor& executor) {
        Rows<Y> y(c.rows, c.n, c.stride, c.offset);
        const Rows<X> from(x, 2 * c.n, 2 * c.stride, c.offset);
        executor.run<kernel>(grid_of(c), {.y = y.data(),
                                          .gate_up = from.data(),
                                          .y_stride = y.stride(),
                                          .x_stride = from.stride(),
                                          .n = static_cast<u32>(c.n),
                                          .function = f.function});
        return y.values();
      });
      std::vector<double> wanted;
      for (std::int64_t i = 0; i < c.rows * c.n; ++i) {
        const float* row = &x[i / c.n * 2 * c.n + i % c.n];
        wanted.push_back(f.reference(row[0]) * row[c.n]);
      }
      expect_near(found, wanted, tolerance_of<Y>());
    }
  }
}

TEST(ElementwiseTest, Gate) {
  check_gate<Kernel::gate_f32_f32, float, float>();
  check_gate<Kernel::gate_f16_f32, f16, float>();
  check_gate<Kernel::gate_f16_f16, f16, f16>();
}

template <Kernel kernel, typename Y, typename X>
void check_convert() {
  for (const Case& c : kCases) {
    for (const std::int64_t padding : {0, 1, 24}) {
      const Matrix x = rounded<X>(random_matrix(c.rows * c.n, 1));
      const std::int64_t width = c.n + padding;
      const Matrix found = on_all_executors([&](HostExecutor& executor) {
        Rows<Y> y(c.rows, width, width + 8, c.offset);
        const Rows<X> from(x, c.n, c.stride, c.offset);
        executor.run<kernel>({.x = static_cast<u32>(c.rows),
                              .y = divided_up(width, c.threads * kUnit),
                              .threads = c.threads},
                             {.y = y.data(),
                              .x = from.data(),
                              .y_stride = y.stride(),
                              .x_stride = from.stride(),
                              .n = static_cast<u32>(c.n),
                              .width = static_cast<u32>(width)});
        return y.values();
      });
      Matrix wanted;
      for (std::int64_t i = 0; i < c.rows * width; ++i) {
        wanted.push_back(i % width < c.n ? x[i / width * c.n + i % width] : 0.0f);
      }
      EXPECT_EQ(found, rounded<Y>(wanted));
    }
  }
}

TEST(ElementwiseTest, Convert) {
  check_convert<Kernel::convert_f32_f32, float, float>();
  check_convert<Kernel::convert_f32_f16, float, f16>();
  check_convert<Kernel::convert_f16_f32, f16, float>();
  check_convert<Kernel::convert_f16_f16, f16, f16>();
}

}  // namespace
}  // namespace saccade::compute::gpu
