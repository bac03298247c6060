// Operations on maps, as op_test.cc holds the others.
#include "base/error.h"
#include "op_testing.h"

namespace saccade::compute {
namespace {

struct ConvCase {
  ConvShape shape;
  std::int64_t channels;
  std::int64_t repeats = 1;  // outputs of a channel
};

// Kernels of 1 to 7, both strides, windows that reach outside on every side, maps of one place, and
// channels on both sides of vectors and work items.
const std::vector<ConvCase> kCases = {
    {{2, 5, 7, 3, 1, 1}, 3, 2},  {{1, 9, 8, 3, 2, 1}, 32},     {{1, 8, 11, 7, 1, 3}, 70},
    {{3, 6, 5, 7, 2, 3}, 17, 2}, {{1, 13, 4, 5, 1, 2}, 16, 3}, {{2, 1, 1, 7, 1, 3}, 8},
    {{1, 4, 6, 2, 2, 0}, 5},     {{1, 30, 31, 3, 1, 1}, 130},  {{1, 3, 3, 1, 1, 0}, 40, 2},
    {{0, 4, 4, 3, 1, 1}, 8, 1},
};

TEST(ConvolutionTest, Im2col) {
  for (const auto& [shape, channels, repeats] : kCases) {
    const Matrix x = random_matrix(shape.places() * channels, 1);
    const Matrix wanted = reference::im2col(x, channels, shape);
    const std::int64_t windows = shape.out_places();
    const std::int64_t columns = channels * shape.kernel * shape.kernel;
    // At once and in two parts.
    for (const std::int64_t first : {std::int64_t{0}, windows / 3}) {
      const Matrix found = on_all_devices([&](Device& device) {
        const Tensor maps = upload(device, x, {shape.places(), channels});
        const Tensor y = device.empty(DType::kF32, {windows, columns});
        device.im2col(y.view_rows(0, first), maps, shape);
        device.im2col(y.view_rows(first, windows - first), maps, shape, first);
        return download(device, y);
      });
      EXPECT_EQ(found, wanted);
    }
  }
}

TEST(ConvolutionTest, DepthwiseConv) {
  for (const auto& [shape, channels, repeats] : kCases) {
    const std::int64_t outputs = channels * repeats;
    const std::int64_t taps = std::int64_t{shape.kernel} * shape.kernel;
    const Matrix x = random_matrix(shape.places() * channels, 1);
    const Matrix weight = random_matrix(taps * outputs, 2);
    for (const bool with_bias : {true, false}) {
      const Matrix bias = with_bias ? random_matrix(outputs, 3) : Matrix();
      const Matrix found = on_all_devices([&](Device& device) {
        const Tensor y = device.empty(DType::kF32, {shape.out_places(), outputs});
        const Tensor b = upload(device, random_matrix(outputs, 3), {outputs});
        device.depthwise_conv(y, upload(device, x, {shape.places(), channels}),
                              upload(device, weight, {taps, outputs}), with_bias ? &b : nullptr,
                              shape);
        return download(device, y);
      });
      expect_close(found, reference::depthwise_conv(x, weight, bias, channels, outputs, shape),
                   2e-6);
    }
  }
}

TEST(ConvolutionTest, MeanRows) {
  for (const auto& [groups, count, n] :
       {std::tuple{1, 1, 3}, {3, 7, 40}, {2, 100, 130}, {5, 4, 64}}) {
    const Matrix x = random_matrix(std::int64_t{groups} * count * n, 1);
    const Matrix found = on_all_devices([&, g = groups, c = count, m = n](Device& device) {
      const Tensor y = device.empty(DType::kF32, {g, m});
      device.mean_rows(y, upload(device, x, {g * c, m}));
      return download(device, y);
    });
    expect_close(found, reference::mean_rows(x, n, groups), 2e-6);
  }
}

TEST(ConvolutionTest, MapsDoNotDependOnTheirNeighbours) {
  const ConvShape one{1, 9, 10, 3, 1, 1};
  const ConvShape three{3, 9, 10, 3, 1, 1};
  constexpr std::int64_t kChannels = 40;
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa});
    const Tensor x =
        upload(device, random_matrix(three.places() * kChannels, 1), {three.places(), kChannels});
    const Tensor weight = upload(device, random_matrix(9 * kChannels, 2), {9, kChannels});
    const Tensor all = device.empty(DType::kF32, {three.out_places(), kChannels});
    device.depthwise_conv(all, x, weight, nullptr, three);
    const Tensor last = device.empty(DType::kF32, {one.out_places(), kChannels});
    device.depthwise_conv(last, x.view_rows(2 * one.places(), one.places()), weight, nullptr, one);
    EXPECT_EQ(download(device, last),
              download(device, all.view_rows(2 * one.out_places(), one.out_places())));
  }
}

TEST(ConvolutionTest, WrongShapesAreNamed) {
  cpu::CpuDevice device({1, {}});
  const auto matrix = [&](std::int64_t rows, std::int64_t columns) {
    return device.empty(DType::kF32, {rows, columns});
  };
  const ConvShape shape{1, 4, 4, 3, 1, 1};
  const Tensor x = matrix(16, 6);
  EXPECT_THROW(device.im2col(matrix(16, 53), x, shape), Error);      // columns
  EXPECT_THROW(device.im2col(matrix(16, 54), x, shape, 1), Error);   // past the last window
  EXPECT_THROW(device.im2col(matrix(16, 54), x, shape, -1), Error);  // before the first
  EXPECT_THROW(device.im2col(matrix(16, 54), matrix(15, 6), shape), Error);
  for (const ConvShape& wrong :
       {ConvShape{1, 4, 4, 3, 0, 1}, ConvShape{1, 4, 4, 0, 1, 0}, ConvShape{1, 4, 4, 3, 1, 3},
        ConvShape{1, 2, 8, 3, 1, 0}, ConvShape{1, 0, 4, 3, 1, 1}, ConvShape{-1, 4, 4, 3, 1, 1}}) {
    EXPECT_THROW(device.im2col(matrix(0, 54), x, wrong), Error);
  }
  EXPECT_THROW(device.mean_rows(matrix(3, 6), x), Error);
  EXPECT_THROW(device.mean_rows(matrix(0, 6), x), Error);
  EXPECT_THROW(device.mean_rows(matrix(4, 5), x), Error);
  const Tensor weight = matrix(9, 6);
  EXPECT_THROW(device.depthwise_conv(matrix(16, 6), x, matrix(6, 9), nullptr, shape), Error);
  EXPECT_THROW(device.depthwise_conv(matrix(15, 6), x, weight, nullptr, shape), Error);
  EXPECT_THROW(device.depthwise_conv(matrix(16, 9), x, matrix(9, 9), nullptr, shape), Error);
  const Tensor bias = device.empty(DType::kF32, {5});
  EXPECT_THROW(device.depthwise_conv(matrix(16, 6), x, weight, &bias, shape), Error);
}

}  // namespace
}  // namespace saccade::compute
