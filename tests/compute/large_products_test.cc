// Products of many rows on an NVIDIA GPU, in float16: the kernels that do what follows a product in
// the same pass. Other devices have no such kernels, so nothing is to be tested without a GPU.
#include <array>
#include <cmath>
#include <limits>

#include "op_testing.h"
#include "random_weights.h"

namespace saccade::compute {
namespace {

class LargeProducts : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda::list_cuda_devices().empty()) GTEST_SKIP() << "there is no NVIDIA GPU here";
    device_ = cuda::make_cuda_device({});
  }

  std::unique_ptr<Device> device_;
};

/// `values` as bfloat16, which a GPU keeps as float16 without loss.
struct Bf16Matrix {
  explicit Bf16Matrix(Matrix from) : values(std::move(from)) {
    for (float& value : values) {
      bits.push_back(f32_to_bf16(value));
      value = bf16_to_f32(bits.back());
    }
  }
  std::shared_ptr<const Weight> pack(Device& device, std::int64_t outputs) const {
    const std::int64_t inputs = static_cast<std::int64_t>(bits.size()) / outputs;
    const HostMatrix part = float_matrix(
        {DType::kBF16, {outputs, inputs}, reinterpret_cast<const std::byte*>(bits.data())});
    return device.pack(std::span(&part, 1));
  }

  Matrix values;
  std::vector<std::uint16_t> bits;
};

/// A tensor of any type, in f32.
Matrix in_f32(Device& device, const Tensor& tensor) {
  const std::int64_t elements = tensor.shape().elements();
  const Tensor copy = upload(device, Matrix(elements), {tensor.rows(), elements / tensor.rows()});
  device.add(copy, tensor);
  return download(device, copy);
}

double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return reference::silu(x);
    case Activation::kGelu:
      return reference::gelu(x);
    case Activation::kGeluTanh:
      return reference::gelu_tanh(x);
    case Activation::kQuickGelu:
      return reference::quick_gelu(x);
    case Activation::kRelu:
      return reference::relu(x);
    case Activation::kSigmoid:
      return reference::sigmoid(x);
  }
  return x;
}

struct GatedCase {
  std::int64_t rows, inner, inputs;
  Activation activation;
  bool bias;
};

/// Even and odd numbers of tiles in rows and columns, parts of tiles, and parts of a stage.
constexpr GatedCase kGatedCases[] = {
    {256, 96, 64, Activation::kSilu, false},     {300, 264, 200, Activation::kSilu, true},
    {513, 104, 136, Activation::kGelu, true},    {385, 400, 72, Activation::kGeluTanh, false},
    {700, 8, 320, Activation::kQuickGelu, true}, {257, 192, 1032, Activation::kRelu, false},
    {900, 200, 64, Activation::kSigmoid, true},
};

TEST_F(LargeProducts, GateTheirResults) {
  for (const auto& [rows, inner, inputs, activation, with_bias] : kGatedCases) {
    SCOPED_TRACE(testing::Message() << rows << " rows, " << inner << " of " << inputs);
    const Matrix x = Bf16Matrix(random_matrix(rows * inputs, 1)).values;
    const Bf16Matrix w(random_matrix(2 * inner * inputs, 2, 0.3f));
    const Matrix bias = with_bias ? random_matrix(2 * inner, 3) : Matrix(2 * inner);
    const std::vector<double> sums = reference::linear(x, w.values, bias, rows, inputs, 2 * inner);
    std::vector<double> wanted;
    for (std::int64_t i = 0; i < rows * inner; ++i) {
      const double* row = &sums[i / inner * 2 * inner];
      wanted.push_back(activated(activation, row[i % inner]) * row[inner + i % inner]);
    }
    const Tensor b = upload(*device_, bias, {2 * inner});
    const Tensor y =
        device_->gated_linear(upload(*device_, x, {rows, inputs}), *w.pack(*device_, 2 * inner),
                              {.bias = with_bias ? &b : nullptr, .gate = activation});
    expect_close(in_f32(*device_, y), wanted, 1.5e-3);  // rounded three times
  }
}

TEST_F(LargeProducts, StoreTheirResults) {
  // As many tiles as a large GPU has multiprocessors for, and some that are not whole.
  for (const auto& [rows, outputs, inputs] :
       {std::array<std::int64_t, 3>{1024, 3072, 72}, {1150, 2600, 200}}) {
    const Matrix x = Bf16Matrix(random_matrix(rows * inputs, 1)).values;
    const Bf16Matrix w(random_matrix(outputs * inputs, 2, 0.3f));
    const Matrix bias = random_matrix(outputs, 3);
    const Tensor b = upload(*device_, bias, {outputs});
    const Tensor y = device_->activations({rows, outputs});
    device_->linear(y, upload(*device_, x, {rows, inputs}), *w.pack(*device_, outputs),
                    {.bias = &b});
    expect_close(in_f32(*device_, y), reference::linear(x, w.values, bias, rows, inputs, outputs),
                 1e-3);
  }
}

TEST_F(LargeProducts, HoldWhatFloat16Cannot) {
  constexpr std::int64_t kRows = 256, kInner = 96, kInputs = 64;
  constexpr float kMost = 65504.0f;
  Matrix x(kRows * kInputs, 1.0f);
  for (std::int64_t i = 0; i < kInputs; ++i) {
    x[kInputs + i] = 1000.0f;
    x[2 * kInputs + i] = -1000.0f;
  }
  x[3 * kInputs] = std::numeric_limits<float>::quiet_NaN();
  Matrix weights(2 * kInner * kInputs, 1.0f);
  for (std::int64_t i = kInner / 2 * kInputs; i < kInner * kInputs; ++i) weights[i] = -1.0f;
  const Matrix y =
      in_f32(*device_, device_->gated_linear(upload(*device_, x, {kRows, kInputs}),
                                             *Bf16Matrix(weights).pack(*device_, 2 * kInner),
                                             {.gate = Activation::kSilu}));
  EXPECT_EQ(y[kInner], kMost);
  EXPECT_EQ(y[kInner + kInner / 2], 0.0f);
  EXPECT_EQ(y[2 * kInner], 0.0f);
  EXPECT_EQ(y[2 * kInner + kInner / 2], -kMost);
  for (std::int64_t i = 0; i < kInner; ++i) EXPECT_TRUE(std::isnan(y[3 * kInner + i])) << i;
  EXPECT_EQ(y[4 * kInner], 64.0f * 64.0f);
}

TEST_F(LargeProducts, GateWeightsThatAreDequantizedInPieces) {
  constexpr std::int64_t kRows = 256, kInner = 8512, kInputs = 8192;
  const WeightFormat format{
      .kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64};
  const HostMatrix w = random_weights(format, 2 * kInner, kInputs, 5);
  const auto weight = device_->pack(std::span(&w, 1));
  const Tensor x = upload(*device_, random_matrix(kRows * kInputs, 7, 0.05f), {kRows, kInputs});
  const Tensor product = device_->activations({kRows, 2 * kInner});
  device_->linear(product, x, *weight);
  const Tensor wanted = device_->activations({kRows, kInner});
  device_->gate(wanted, product, Activation::kSilu);
  const Matrix values = in_f32(*device_, wanted);
  const Tensor y = device_->gated_linear(x, *weight, {.gate = Activation::kSilu});
  expect_close(in_f32(*device_, y), std::vector<double>(values.begin(), values.end()), 2e-3);
}

TEST_F(LargeProducts, GateRowsAlikeWhereBatchesMustNotMatter) {
  constexpr std::int64_t kRows = 300, kInner = 208, kInputs = 520;
  device_ = cuda::make_cuda_device({.batch_invariant = true});
  const Bf16Matrix w(random_matrix(2 * kInner * kInputs, 2, 0.3f));
  const auto weight = w.pack(*device_, 2 * kInner);
  const Tensor x = upload(*device_, random_matrix(kRows * kInputs, 1), {kRows, kInputs});
  const auto gated = [&](std::int64_t first, std::int64_t count) {
    return in_f32(*device_, device_->gated_linear(x.view_rows(first, count), *weight,
                                                  {.gate = Activation::kSilu}));
  };
  const Matrix together = gated(0, kRows);
  for (const auto& [first, count] : {std::pair{0, 1}, {150, 1}, {100, 7}, {131, 129}}) {
    const Matrix some = gated(first, count);
    EXPECT_EQ(some, Matrix(together.begin() + first * kInner,
                           together.begin() + (first + count) * kInner));
  }
}

}  // namespace
}  // namespace saccade::compute
