// Kernels of windows over maps, with rows of any stride and both float types.
#include "compute/convolution.h"

#include "kernel_testing.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::kUnit;

/// Maps of `channels` at an offset and with gaps between rows, as views have them.
struct ConvCase {
  ConvShape shape;
  std::int64_t channels, outputs, gap, offset;
};

const std::vector<ConvCase> kCases = {{{2, 5, 4, 3, 2, 1}, 3, 6, 1, 1},
                                      {{1, 6, 7, 7, 1, 3}, 8, 8, 0, 0},
                                      {{2, 3, 5, 3, 1, 1}, 16, 16, 8, 8},
                                      {{1, 4, 4, 2, 2, 0}, 10, 20, 2, 0}};

/// Calls run(threads of a group, groups) for enough threads for all units of all windows.
Grid grid_for(const ConvShape& shape, std::int64_t columns) {
  return {.x = divided_up(shape.out_places() * divided_up(columns, kUnit), 32), .threads = 32};
}

/// What the arguments of both kernels say of windows.
template <typename Args>
void set_windows(Args& args, const ConvShape& shape) {
  args.height = static_cast<u32>(shape.height);
  args.width = static_cast<u32>(shape.width);
  args.out_height = static_cast<u32>(shape.out_height());
  args.out_width = static_cast<u32>(shape.out_width());
  args.side = static_cast<u32>(shape.kernel);
  args.stride = static_cast<u32>(shape.stride);
  args.padding = static_cast<u32>(shape.padding);
}

template <Kernel kernel, typename Y, typename X>
void check_im2col() {
  for (const auto& [shape, channels, outputs, gap, offset] : kCases) {
    const Matrix x = rounded<X>(random_matrix(shape.places() * channels, 1));
    const std::int64_t columns = channels * shape.kernel * shape.kernel;
    const Matrix found = on_all_executors(
        [&, c = channels, g = gap, at = offset, &windows = shape](HostExecutor& executor) {
          Rows<Y> y(windows.out_places(), columns, columns + g, at);
          const Rows<X> maps(x, c, c + g, at);
          KernelArgs<kernel> args{};
          args.y = y.data();
          args.x = maps.data();
          args.y_stride = y.stride();
          args.x_stride = maps.stride();
          args.places = static_cast<u64>(windows.out_places());
          args.channels = static_cast<u32>(c);
          set_windows(args, windows);
          executor.run<kernel>(grid_for(windows, columns), args);
          return y.values();
        });
    EXPECT_EQ(found, rounded<Y>(reference::im2col(x, channels, shape)));
  }
}

TEST(ConvolutionTest, Im2col) {
  check_im2col<Kernel::im2col_f32_f32, float, float>();
  check_im2col<Kernel::im2col_f16_f32, f16, float>();
  check_im2col<Kernel::im2col_f16_f16, f16, f16>();
}

template <Kernel kernel, typename Y, typename X>
void check_depthwise() {
  for (const auto& [shape, channels, outputs, gap, offset] : kCases) {
    const Matrix x = rounded<X>(random_matrix(shape.places() * channels, 1));
    const Matrix weight = random_matrix(std::int64_t{shape.kernel} * shape.kernel * outputs, 2);
    const Matrix bias = random_matrix(outputs, 3);
    const Matrix found = on_all_executors([&, c = channels, o = outputs, g = gap, at = offset,
                                           &windows = shape](HostExecutor& executor) {
      Rows<Y> y(windows.out_places(), o, o + g, at);
      const Rows<X> maps(x, c, c + g, at);
      KernelArgs<kernel> args{};
      args.y = y.data();
      args.x = maps.data();
      args.weight = weight.data();
      args.bias = bias.data();
      args.y_stride = y.stride();
      args.x_stride = maps.stride();
      args.places = static_cast<u64>(windows.out_places());
      args.outputs = static_cast<u32>(o);
      args.repeats = static_cast<u32>(o / c);
      set_windows(args, windows);
      executor.run<kernel>(grid_for(windows, o), args);
      return y.values();
    });
    const auto wanted = reference::depthwise_conv(x, weight, bias, channels, outputs, shape);
    expect_near(found, wanted, tolerance_of<Y>(), 1e-5);
  }
}

TEST(ConvolutionTest, Depthwise) {
  check_depthwise<Kernel::depthwise_f32_f32, float, float>();
  check_depthwise<Kernel::depthwise_f16_f32, f16, float>();
  check_depthwise<Kernel::depthwise_f16_f16, f16, f16>();
}

template <Kernel kernel, typename Y, typename X>
void check_mean_rows() {
  constexpr std::int64_t kGroups = 3, kCount = 5;
  for (const auto& [n, gap] : {std::pair{24, 0}, {13, 2}}) {
    const Matrix x = rounded<X>(random_matrix(kGroups * kCount * n, 1));
    const Matrix found = on_all_executors([&, m = n, g = gap](HostExecutor& executor) {
      Rows<Y> y(kGroups, m, m + g);
      const Rows<X> rows(x, m, m + g);
      executor.run<kernel>({.x = divided_up(kGroups * divided_up(m, kUnit), 32), .threads = 32},
                           {.y = y.data(),
                            .x = rows.data(),
                            .y_stride = y.stride(),
                            .x_stride = rows.stride(),
                            .groups = kGroups,
                            .count = kCount,
                            .n = static_cast<u32>(m)});
      return y.values();
    });
    expect_near(found, reference::mean_rows(x, n, kGroups), tolerance_of<Y>());
  }
}

TEST(ConvolutionTest, MeanRows) {
  check_mean_rows<Kernel::mean_rows_f32_f32, float, float>();
  check_mean_rows<Kernel::mean_rows_f16_f32, f16, float>();
  check_mean_rows<Kernel::mean_rows_f16_f16, f16, f16>();
}

}  // namespace
}  // namespace saccade::compute::gpu
