// Norms of both float types, of any width and stride, against the reference.
#include "kernel_testing.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::kNormSharedBytes;

struct Case {
  std::int64_t rows, n, x_stride, y_stride, offset;
  u32 threads;
};

// Aligned and not, wider and narrower than the group.
const Case kCases[] = {{3, 64, 64, 64, 0, 32},        {2, 1, 1, 3, 0, 32},
                       {5, 3584, 3600, 3584, 8, 256}, {3, 777, 780, 779, 1, 96},
                       {4, 100, 104, 128, 0, 64},     {2, 2050, 2056, 2056, 0, 256}};

Grid grid_of(const Case& c) {
  return {.x = static_cast<u32>(c.rows), .threads = c.threads, .shared_bytes = kNormSharedBytes};
}

template <Kernel kernel, typename Y, typename X>
void check_rms_norm() {
  for (const Case& c : kCases) {
    const Matrix x = rounded<X>(random_matrix(c.rows * c.n, 1));
    const Matrix weight = random_matrix(c.n, 2);
    const Matrix found = on_all_executors([&](HostExecutor& executor) {
      Rows<Y> y(c.rows, c.n, c.y_stride, c.offset);
      const Rows<X> from(x, c.n, c.x_stride, c.offset);
      executor.run<kernel>(grid_of(c), {.y = y.data(),
                                        .x = from.data(),
                                        .weight = weight.data(),
                                        .y_stride = y.stride(),
                                        .x_stride = from.stride(),
                                        .n = static_cast<u32>(c.n),
                                        .eps = 1e-5f});
      return y.values();
    });
    expect_near(found, reference::rms_norm(x, weight, c.n, 1e-5), tolerance_of<Y>());
  }
}

TEST(NormsTest, RmsNorm) {
  check_rms_norm<Kernel::rms_norm_f32_f32, float, float>();
  check_rms_norm<Kernel::rms_norm_f16_f32, f16, float>();
  check_rms_norm<Kernel::rms_norm_f16_f16, f16, f16>();
}

TEST(NormsTest, AlignmentDoesNotChangeTheBits) {
  const Matrix x = random_matrix(3 * 1000, 1);
  const Matrix weight = random_matrix(1000, 2);
  HostExecutor executor;
  Matrix results[2];
  for (const int offset : {0, 1}) {
    Rows<float> rows(x, 1000, 1004, offset);
    executor.run<Kernel::rms_norm_f32_f32>(
        {.x = 3, .threads = 128, .shared_bytes = kNormSharedBytes}, {.y = rows.data(),
                                                                     .x = rows.data(),
                                                                     .weight = weight.data(),
                                                                     .y_stride = rows.stride(),
                                                                     .x_stride = rows.stride(),
                                                                     .n = 1000,
                                                                     .eps = 1e-6f});
    results[offset] = rows.values();
  }
  EXPECT_EQ(results[0], results[1]);
  expect_near(results[0], reference::rms_norm(x, weight, 1000, 1e-6), 2e-6);
}

template <Kernel kernel, typename X>
void check_heads(u32 heads, u32 n) {
  const Matrix x = rounded<X>(random_matrix(std::int64_t{3} * heads * n, 1));
  const Matrix weight = random_matrix(n, 2);
  const Matrix found = on_all_executors([&](HostExecutor& executor) {
    Rows<X> rows(x, std::int64_t{heads} * n, std::int64_t{heads} * n + 8);
    executor.run<kernel>({.x = 3, .y = divided_up(heads, 4), .threads = 128},
                         {.x = rows.data(),
                          .weight = weight.data(),
                          .x_stride = rows.stride(),
                          .heads = heads,
                          .n = n,
                          .eps = 1e-6f});
    return rows.values();
  });
  expect_near(found, reference::rms_norm(x, weight, n, 1e-6), tolerance_of<X>());
}

TEST(NormsTest, RmsNormHeads) {
  check_heads<Kernel::rms_norm_heads_f32, float>(5, 128);
  check_heads<Kernel::rms_norm_heads_f32, float>(7, 6);
  check_heads<Kernel::rms_norm_heads_f16, f16>(8, 80);
  check_heads<Kernel::rms_norm_heads_f16, f16>(1, 300);
}

template <Kernel kernel, typename Y, typename X>
void check_layer_norm() {
  for (const Case& c : kCases) {
    for (const bool with_bias : {false, true}) {
      Matrix x = random_matrix(c.rows * c.n, 1);
      for (float& value : x) value += 3.0f;
      x = rounded<X>(x);
      const Matrix weight = random_matrix(c.n, 2);
      const Matrix bias = with_bias ? random_matrix(c.n, 3) : Matrix();
      const Matrix found = on_all_executors([&](HostExecutor& executor) {
        Rows<Y> y(c.rows, c.n, c.y_stride, c.offset);
        const Rows<X> from(x, c.n, c.x_stride, c.offset);
        executor.run<kernel>(grid_of(c), {.y = y.data(),
                                          .x = from.data(),
                                          .weight = weight.data(),
                                          .bias = with_bias ? bias.data() : nullptr,
                                          .y_stride = y.stride(),
                                          .x_stride = from.stride(),
                                          .n = static_cast<u32>(c.n),
                                          .eps = 1e-5f});
        return y.values();
      });
      expect_near(found, reference::layer_norm(x, weight, bias, c.n, 1e-5), tolerance_of<Y>(),
                  4e-6);
    }
  }
}

TEST(NormsTest, LayerNorm) {
  check_layer_norm<Kernel::layer_norm_f32_f32, float, float>();
  check_layer_norm<Kernel::layer_norm_f16_f32, f16, float>();
  check_layer_norm<Kernel::layer_norm_f16_f16, f16, f16>();
}

}  // namespace
}  // namespace saccade::compute::gpu
