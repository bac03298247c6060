// Quantized weights in company: parts of several formats, what is done in one pass with a product,
// inputs in another order, numbers that are refused.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "op_testing.h"
#include "quant_testing.h"
#include "random_weights.h"

namespace saccade::compute {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::int64_t kOutputs = 42, kInputs = 768;

TEST(QuantMix, PartsOfDifferentFormatsStandSideBySide) {
  const std::vector<HostMatrix> parts = {
      random_weights(WeightFormat::blocks(GgmlType::kQ4_K), 20, 512, 1),
      random_weights(WeightFormat::blocks(GgmlType::kQ4_K), 9, 512, 2),
      random_weights(WeightFormat::blocks(GgmlType::kQ6_K), 20, 512, 3),
      random_weights(WeightFormat::floating(DType::kF32), 5, 512, 4)};
  HostMatrix floats = parts[3];
  Matrix values = random_matrix(5 * 512, 8);
  floats.data = reinterpret_cast<const std::byte*>(values.data());
  std::vector<HostMatrix> all = parts;
  all[3] = floats;
  const Matrix x = random_matrix(3 * 512, 7);
  cpu::CpuDevice device({2, {}});
  const Matrix together = multiply(device, all, x, 3);
  std::int64_t first = 0;
  for (const HostMatrix& part : all) {
    const Matrix alone = multiply(device, std::span(&part, 1), x, 3);
    for (int row = 0; row < 3; ++row) {
      for (std::int64_t o = 0; o < part.outputs; ++o) {
        EXPECT_EQ(together[row * 54 + first + o], alone[row * part.outputs + o]);
      }
    }
    first += part.outputs;
  }
  for (const auto& gpu : gpu_devices(false)) {
    expect_close(multiply(*gpu, all, x, 3), std::vector<double>(together.begin(), together.end()),
                 0.02);
  }
}

TEST(QuantMix, GatedRowsGoOnAsTheyAreNow) {
  // A GPU may keep codes of gated results for the product that follows: of what is there by then.
  constexpr std::int64_t kRows = 5;
  const WeightFormat format{
      .kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64};
  const Matrix x = random_matrix(kRows * kInputs, 7);
  for (const auto& device : gpu_devices(false)) {
    SCOPED_TRACE(device->info().name);
    // With more, Hopper has a kernel of its own.
    const std::int64_t kGated = device->info().name == "host-gpu" ? 256 : 8832;
    const HostMatrix gate_up = random_weights(format, 2 * kGated, kInputs, 5);
    const HostMatrix down = random_weights(format, kOutputs, kGated, 6);
    const auto first = device->pack(std::span(&gate_up, 1));
    const auto second = device->pack(std::span(&down, 1));
    const auto multiplied = [&](const Tensor& rows) {
      const Tensor y = device->empty(DType::kF32, {kRows, kOutputs});
      device->linear(y, rows, *second);
      return download(*device, y);
    };
    for (const bool changed : {false, true}) {
      const Tensor gated = device->activations({kRows, kGated});
      device->linear(gated, upload(*device, x, {kRows, kInputs}), *first,
                     {.gate = Activation::kSilu});
      if (changed) device->scale(gated, -3.0f);
      const Matrix found = multiplied(gated);
      const Tensor copy = device->activations({kRows, kGated});
      std::vector<std::byte> bytes(gated.bytes());
      device->download(bytes.data(), gated);
      device->upload(copy, bytes.data());
      EXPECT_EQ(found, multiplied(copy)) << changed;
    }
  }
}

TEST(QuantMix, OneRowIsNormedAndGated) {
  constexpr std::int64_t kGated = 1100, kHidden = 2048;
  const WeightFormat format{
      .kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64};
  const HostMatrix gate_up = random_weights(format, 2 * kGated, kHidden, 5);
  const Matrix x = random_matrix(kHidden, 7);
  const Matrix norm = random_matrix(kHidden, 8);
  const std::vector<double> normed = reference::rms_norm(x, norm, kHidden, 1e-5f);
  const std::vector<double> sums =
      reference::linear(Matrix(normed.begin(), normed.end()), dequantized(gate_up),
                        Matrix(2 * kGated, 0.25f), 1, kHidden, 2 * kGated);
  std::vector<double> wanted(kGated);
  for (std::int64_t i = 0; i < kGated; ++i) {
    wanted[i] = reference::silu(sums[i]) * sums[kGated + i];
  }
  for (const auto& device : gpu_devices(false)) {
    SCOPED_TRACE(device->info().name);
    const auto weight = device->pack(std::span(&gate_up, 1));
    const Tensor n = upload(*device, norm, {kHidden});
    const Tensor bias = upload(*device, Matrix(2 * kGated, 0.25f), {2 * kGated});
    const Tensor gated = device->empty(DType::kF32, {1, kGated});
    device->linear(
        gated, upload(*device, x, {1, kHidden}), *weight,
        {.bias = &bias, .norm_weight = &n, .norm_eps = 1e-5f, .gate = Activation::kSilu});
    EXPECT_LT(relative_error(download(*device, gated), wanted), 0.02);
  }
}

TEST(QuantMix, AFewRowsByManyOutputs) {
  // So many that each multiprocessor of a GPU has a good number of them; see stream_gemm_pays().
  // Two lengths of rows: a block takes all of the shorter ones.
  constexpr std::int64_t kGated = 8832;
  const WeightFormat affine{
      .kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64};
  for (const auto& device : gpu_devices(false)) {
    if (device->info().name == "host-gpu") continue;  // slow, and no kernel of its own
    for (const WeightFormat& format : {affine, WeightFormat::blocks(GgmlType::kQ4_0)}) {
      for (const std::int64_t inputs : {256, 3840}) {
        SCOPED_TRACE(fmt::format("{} [{}]", format.name(), inputs));
        const HostMatrix gate_up = random_weights(format, 2 * kGated, inputs, 5);
        const Matrix values = dequantized(gate_up);
        const Matrix norm = random_matrix(inputs, 8);
        const auto weight = device->pack(std::span(&gate_up, 1));
        const Tensor n = upload(*device, norm, {inputs});
        const Tensor bias = upload(*device, Matrix(2 * kGated, 0.25f), {2 * kGated});
        for (const std::int64_t rows : {2, 16}) {
          const Matrix x = random_matrix(rows * inputs, 7);
          const std::vector<double> normed = reference::rms_norm(x, norm, inputs, 1e-5f);
          const std::vector<double> sums =
              reference::linear(Matrix(normed.begin(), normed.end()), values,
                                Matrix(2 * kGated, 0.25f), rows, inputs, 2 * kGated);
          std::vector<double> wanted(rows * kGated);
          for (std::int64_t i = 0; i < rows * kGated; ++i) {
            const double* row = &sums[i / kGated * 2 * kGated];
            wanted[i] = reference::silu(row[i % kGated]) * row[kGated + i % kGated];
          }
          const LinearOptions options{.bias = &bias, .norm_weight = &n, .norm_eps = 1e-5f};
          const Tensor both = device->empty(DType::kF32, {rows, 2 * kGated});
          device->linear(both, upload(*device, x, {rows, inputs}), *weight, options);
          EXPECT_LT(relative_error(download(*device, both), sums), 0.02) << rows;
          LinearOptions gate = options;
          gate.gate = Activation::kSilu;
          const Tensor gated = device->empty(DType::kF32, {rows, kGated});
          device->linear(gated, upload(*device, x, {rows, inputs}), *weight, gate);
          EXPECT_LT(relative_error(download(*device, gated), wanted), 0.02) << rows;
        }
      }
    }
  }
}

TEST(QuantMix, SumsGoOnToTheirNormAsTheyAreNow) {
  // A GPU may keep codes of sums for the product that norms them, once it knows that one follows.
  constexpr std::int64_t kHidden = 288, kRows = 21;
  constexpr int kTurns = 3;
  const WeightFormat format{
      .kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 32};
  const HostMatrix output = random_weights(format, kHidden, kInputs, 5);
  const HostMatrix after = random_weights(format, kOutputs, kHidden, 6);
  const Matrix x = random_matrix(kRows * kInputs, 7);
  const Matrix residual = random_matrix(kRows * kHidden, 8);
  const Matrix norm = random_matrix(kHidden, 9);
  for (const auto& device : gpu_devices(false)) {
    SCOPED_TRACE(device->info().name);
    const auto first = device->pack(std::span(&output, 1));
    const auto second = device->pack(std::span(&after, 1));
    const Tensor weight = upload(*device, norm, {kHidden});
    const auto normed_product = [&](const Tensor& rows) {
      const Tensor y = device->empty(DType::kF32, {kRows, kOutputs});
      device->linear(y, rows, *second, {.norm_weight = &weight, .norm_eps = 1e-5f});
      return download(*device, y);
    };
    for (const bool changed : {false, true}) {
      for (int turn = 0; turn < kTurns; ++turn) {
        const Tensor sums = upload(*device, residual, {kRows, kHidden});
        device->linear(sums, upload(*device, x, {kRows, kInputs}), *first, {.add = true});
        if (changed) device->scale(sums, -3.0f);
        const Matrix found = normed_product(sums);
        const Tensor copy = upload(*device, download(*device, sums), {kRows, kHidden});
        EXPECT_EQ(found, normed_product(copy)) << changed << turn;
      }
    }
  }
}

TEST(QuantMix, InputsInAnotherOrder) {
  HostMatrix weights = random_weights(
      {.kind = WeightFormat::Kind::kZeroPoint, .dtype = DType::kF16, .bits = 4, .group_size = 64},
      20, 256, 1);
  std::vector<std::int32_t> order(256);
  for (int i = 0; i < 256; ++i) order[i] = i * 37 % 256;
  weights.input_order = order.data();
  const Matrix values = dequantized(weights);
  const Matrix x = random_matrix(3 * 256, 7);
  const HostMatrix floats =
      float_matrix({DType::kF32, {20, 256}, reinterpret_cast<const std::byte*>(values.data())});
  for (const bool integers : {false, true}) {
    cpu::CpuDevice device({2, {}, integers});
    const Matrix found = multiply(device, std::span(&weights, 1), x, 3);
    const Matrix wanted = multiply(device, std::span(&floats, 1), x, 3);
    for (std::size_t i = 0; i < found.size(); ++i) {
      // Outputs are of the order of 3: inputs out of order would be far off.
      EXPECT_NEAR(found[i], wanted[i], integers ? 0.1 : 1e-5) << i;
    }
  }
  const auto exact = reference::linear(x, values, Matrix(20, 0.25f), 3, 256, 20);
  for (const bool in_f32 : {false, true}) {
    for (const auto& device : gpu_devices(in_f32)) {
      expect_close(multiply(*device, std::span(&weights, 1), x, 3), exact, in_f32 ? 1e-5 : 0.02);
    }
  }
}

TEST(QuantMix, Fp8ThatIsNotANumberIsRefused) {
  HostMatrix weights = random_weights(
      {.kind = WeightFormat::Kind::kFp8, .group_size = 64, .group_rows = 20}, 20, 64, 1);
  std::vector<std::byte> codes(20 * 64, std::byte{0x38});
  codes[77] = std::byte{0xff};
  weights.data = codes.data();
  cpu::CpuDevice device({1, {}});
  EXPECT_THAT([&] { device.pack(std::span(&weights, 1)); },
              ThrowsMessage<Error>(HasSubstr("not a number")));
}

}  // namespace
}  // namespace saccade::compute
