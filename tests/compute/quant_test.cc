// Quantized weights on every instruction set: unpacked in the kernels, they are what the formats'
// formulas say, and products are the same bits everywhere.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cpu/isa.h"
#include "compute/cpu/packed_matrix.h"
#include "op_testing.h"
#include "quant_testing.h"
#include "random_weights.h"

namespace saccade::compute {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr std::int64_t kOutputs = 42, kInputs = 768;

class QuantTest : public testing::TestWithParam<WeightFormat> {
 protected:
  HostMatrix weights_ = random_weights(GetParam(), kOutputs, kInputs, 5);
  Matrix values_ = dequantized(weights_);
};

TEST_P(QuantTest, SelectedRowsKeepTheirNumbers) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < kOutputs; ++i) rows.push_back(i);
  EXPECT_EQ(dequantized(select_rows(weights_, rows)), values_);
  std::ranges::reverse(rows);
  rows.resize(30);
  if (GetParam().group_rows > 1) {
    EXPECT_THAT([&] { select_rows(weights_, rows); },
                ThrowsMessage<Error>(HasSubstr("cannot change places one by one")));
    return;
  }
  std::vector<float> wanted;
  for (const std::int64_t row : rows) {
    wanted.insert(wanted.end(), &values_[row * kInputs], &values_[row * kInputs] + kInputs);
  }
  EXPECT_EQ(dequantized(select_rows(weights_, rows)), wanted);
}

TEST(SelectedRows, BlocksThatShareScalesMoveWhole) {
  const WeightFormat format{.kind = WeightFormat::Kind::kFp8, .group_size = 128, .group_rows = 4};
  const HostMatrix weights = random_weights(format, 12, kInputs, 5);
  const Matrix values = dequantized(weights);
  const std::vector<std::int64_t> rows = {8, 9, 10, 11, 0, 1, 2, 3};
  Matrix wanted(values.begin() + 8 * kInputs, values.end());
  wanted.insert(wanted.end(), values.begin(), values.begin() + 4 * kInputs);
  EXPECT_EQ(dequantized(select_rows(weights, rows)), wanted);
}

TEST_P(QuantTest, RowsAreDequantizedByTheFormula) {
  const std::vector<std::int32_t> ids = {41, 0, 17, 16};
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa});
    const Tensor y = device.empty(DType::kF32, {4, kInputs});
    device.embed(y, *device.pack(std::span(&weights_, 1)), ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (std::int64_t k = 0; k < kInputs; ++k) {
        ASSERT_EQ(y.row(i)[k], values_[ids[i] * kInputs + k]) << isa << " input " << k;
      }
    }
  }
}

TEST_P(QuantTest, PartsOfAMatrixGiveItsOutputs) {
  constexpr std::int64_t kRows = 5;
  const Matrix x = random_matrix(kRows * kInputs, 7);
  const OutputRange ranges[] = {{32, kOutputs - 32}, {0, 16}};
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa});
    const auto whole = device.pack(std::span(&weights_, 1));
    EXPECT_EQ(whole->part(std::array{OutputRange{8, 16}}), nullptr) << "not of whole panels";
    const auto part = whole->part(ranges);
    ASSERT_NE(part, nullptr);
    const Tensor inputs = upload(device, x, {kRows, kInputs});
    const Tensor all = device.empty(DType::kF32, {kRows, kOutputs});
    const Tensor some = device.empty(DType::kF32, {kRows, part->outputs()});
    device.linear(all, inputs, *whole);
    device.linear(some, inputs, *part);
    for (std::int64_t row = 0; row < kRows; ++row) {
      for (std::int64_t i = 0; i < part->outputs(); ++i) {
        const std::int64_t output = i < kOutputs - 32 ? 32 + i : i - (kOutputs - 32);
        ASSERT_EQ(some.row(row)[i], all.row(row)[output]) << isa << " output " << output;
      }
    }
  }
}

TEST_P(QuantTest, GatesBesideWhatTheyGateChangeNoBit) {
  constexpr std::int64_t kGated = 48;
  const HostMatrix gate_up = random_weights(GetParam(), 2 * kGated, kInputs, 5);
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa});
    const auto plain = device.pack(std::span(&gate_up, 1));
    const auto beside = device.pack(std::span(&gate_up, 1), {.gated = true});
    const auto& segment = static_cast<const cpu::PackedMatrix&>(*beside).segments()[0];
    EXPECT_EQ(segment.layout->gates, segment.integer() ? kGated / 16 : 0);
    for (const std::int64_t rows : {1, 7}) {
      SCOPED_TRACE(fmt::format("{}, {} rows", isa, rows));
      const Tensor x = upload(device, random_matrix(rows * kInputs, 7), {rows, kInputs});
      const Tensor bias = upload(device, random_matrix(2 * kGated, 8), {2 * kGated});
      const auto results = [&](const Weight& weight) {
        const Tensor all = device.empty(DType::kF32, {rows, 2 * kGated});
        device.linear(all, x, weight, {.bias = &bias});
        const Tensor gated = device.empty(DType::kF32, {rows, kGated});
        device.linear(gated, x, weight, {.bias = &bias, .gate = Activation::kSilu});
        const Tensor row = device.empty(DType::kF32, {2, kInputs});
        device.embed(row, weight, std::array{std::int32_t{17}, std::int32_t{kGated + 17}});
        return std::array{download(device, all), download(device, gated), download(device, row)};
      };
      EXPECT_EQ(results(*beside), results(*plain));
    }
  }
}

// Inputs are rounded in parts of rows, and panels shared as ranges in slices: of no rows too, as an
// expert has them whom no token asks.
TEST_P(QuantTest, HowThreadsShareAProductChangesNoBit) {
  constexpr std::int64_t kLongInputs = 2304, kOddPanels = 21 * 16;
  const HostMatrix matrix = random_weights(GetParam(), kOddPanels, kLongInputs, 9);
  cpu::CpuDevice one({1, {}}), three({3, {}});
  const auto alone = one.pack(std::span(&matrix, 1));
  const auto shared = three.pack(std::span(&matrix, 1));
  const Matrix weights_of_norm = random_matrix(kLongInputs, 8);
  for (const std::int64_t rows : {0, 1, 2, 16, 40}) {
    SCOPED_TRACE(fmt::format("{} rows", rows));
    const Matrix values = random_matrix(rows * kLongInputs, 7);
    const auto result = [&](cpu::CpuDevice& device, const Weight& weight) {
      const Tensor x = upload(device, values, {rows, kLongInputs});
      const Tensor norm = upload(device, weights_of_norm, {kLongInputs});
      const Tensor y = device.empty(DType::kF32, {rows, kOddPanels});
      device.linear(y, x, weight, {.norm_weight = &norm, .norm_eps = 1e-6f});
      return download(device, y);
    };
    EXPECT_EQ(result(three, *shared), result(one, *alone));
  }
}

TEST_P(QuantTest, FloatProductsAreThoseOfTheDequantizedMatrix) {
  const HostMatrix floats = float_matrix(
      {DType::kF32, {kOutputs, kInputs}, reinterpret_cast<std::byte*>(values_.data())});
  for (const std::int64_t rows : {1, 15}) {
    const Matrix x = random_matrix(rows * kInputs, 7);
    for (const std::string& isa : isas_here()) {
      cpu::CpuDevice device({2, isa, false});
      EXPECT_EQ(multiply(device, std::span(&weights_, 1), x, rows),
                multiply(device, std::span(&floats, 1), x, rows))
          << isa;
    }
  }
}

TEST_P(QuantTest, IntegerProductsAreCloseAndTheSameEverywhere) {
  constexpr std::int64_t kRows = 15;
  const Matrix x = random_matrix(kRows * kInputs, 7);
  const Matrix bias(kOutputs, 0.25f);
  const auto wanted = reference::linear(x, values_, bias, kRows, kInputs, kOutputs);
  Matrix first;
  for (const std::string& isa : isas_here()) {
    for (const int threads : {1, 3}) {
      cpu::CpuDevice device({threads, isa});
      const Matrix found = multiply(device, std::span(&weights_, 1), x, kRows);
      if (first.empty()) first = found;
      EXPECT_EQ(found, first) << isa;
    }
  }
  // Rounding activations to 8 bits costs about half a percent; a wrong sign or order far more.
  EXPECT_LT(relative_error(first, wanted), 0.02);
}

TEST_P(QuantTest, RowsDoNotDependOnTheirNeighbours) {
  constexpr std::int64_t kRows = 30;
  const Matrix x = random_matrix(kRows * kInputs, 9);
  for (const std::string& isa : isas_here()) {
    cpu::CpuDevice device({2, isa});
    const Matrix all = multiply(device, std::span(&weights_, 1), x, kRows);
    for (const auto& [begin, count] : {std::pair{0, 1}, {7, 2}, {11, 19}}) {
      const Matrix part(x.begin() + begin * kInputs, x.begin() + (begin + count) * kInputs);
      const Matrix some = multiply(device, std::span(&weights_, 1), part, count);
      EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + begin * kOutputs)) << isa;
    }
  }
}

TEST_P(QuantTest, GatesAndSumsInOnePassAreThoseOfSeveral) {
  // More rows than a block of them, so that there are two, and a last panel with one column.
  constexpr std::int64_t kRows = cpu::kDotBlockRows + 3, kGated = 64;
  const HostMatrix gated = random_weights(GetParam(), kGated, kInputs, 6);
  const Matrix x_values = random_matrix(kRows * kInputs, 9);
  const Matrix before = random_matrix(kRows * kOutputs, 10);
  cpu::CpuDevice device({2, {}});
  const auto gate_up = device.pack(std::span(&gated, 1));
  const auto weight = device.pack(std::span(&weights_, 1));
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{7}, kRows}) {
    const Tensor x = upload(device, x_values, {kRows, kInputs}).view_rows(0, rows);
    const Tensor product = device.empty(DType::kF32, {rows, kGated});
    const Tensor wanted = device.empty(DType::kF32, {rows, kGated / 2});
    const Tensor found = device.empty(DType::kF32, {rows, kGated / 2});
    device.linear(product, x, *gate_up);
    device.gate(wanted, product, Activation::kSilu);
    device.linear(found, x, *gate_up, {.gate = Activation::kSilu});
    EXPECT_EQ(download(device, found), download(device, wanted)) << rows;

    const Tensor sum = upload(device, before, {kRows, kOutputs}).view_rows(0, rows);
    const Tensor added = upload(device, before, {kRows, kOutputs}).view_rows(0, rows);
    const Tensor second = device.empty(DType::kF32, {rows, kOutputs});
    device.linear(second, x, *weight);
    device.add(sum, second);
    device.linear(added, x, *weight, {.add = true});
    EXPECT_EQ(download(device, added), download(device, sum)) << rows;
  }
}

TEST_P(QuantTest, PackingCostsAtMostThreePercent) {
  cpu::CpuDevice device({2, {}});
  const HostMatrix large = random_weights(GetParam(), 256, kInputs, 5);
  const auto packed = device.pack(std::span(&large, 1));
  EXPECT_LE(static_cast<double>(packed->bytes()), 1.03 * static_cast<double>(large.bytes()))
      << GetParam().name();
}

TEST_P(QuantTest, GpusReadRowsAndMultiplyExactly) {
  const std::vector<std::int32_t> ids = {41, 0, 17, 16};
  for (const auto& device : gpu_devices(true)) {
    SCOPED_TRACE(device->info().name);
    const Tensor y = device->empty(DType::kF32, {4, kInputs});
    device->embed(y, *device->pack(std::span(&weights_, 1)), ids);
    const Matrix rows = download(*device, y);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      for (std::int64_t k = 0; k < kInputs; ++k) {
        ASSERT_EQ(rows[i * kInputs + k], values_[ids[i] * kInputs + k]) << "input " << k;
      }
    }
    const Matrix x = random_matrix(3 * kInputs, 7);
    const Matrix bias(kOutputs, 0.25f);
    expect_close(multiply(*device, std::span(&weights_, 1), x, 3),
                 reference::linear(x, values_, bias, 3, kInputs, kOutputs), 1e-5);
  }
}

TEST_P(QuantTest, GpusMultiplyFewAndManyRowsCloseEnough) {
  // One row, a few, and more than a GPU multiplies as integers.
  const Matrix bias(kOutputs, 0.25f);
  for (const std::int64_t rows : {1, 15, 100}) {
    const Matrix x = random_matrix(rows * kInputs, 7);
    const auto wanted = reference::linear(x, values_, bias, rows, kInputs, kOutputs);
    for (const auto& device : gpu_devices(false)) {
      if (rows > 15 && device->info().name == "host-gpu") continue;  // slow, and the same kernels
      EXPECT_LT(relative_error(multiply(*device, std::span(&weights_, 1), x, rows), wanted), 0.02)
          << device->info().name << ", " << rows << " rows";
    }
  }
}

std::string format_name(const testing::TestParamInfo<WeightFormat>& info) {
  std::string name = info.param.name() + "_" + std::string(dtype_name(info.param.dtype));
  if (info.param.group_rows) name += "_rows_" + std::to_string(info.param.group_rows);
  std::erase_if(name, [](char c) { return c == '(' || c == ')'; });
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Formats, QuantTest, testing::ValuesIn(quantized_formats()), format_name);

TEST(InstructionSets, ThoseThatTheTestsAreMeantForRunHere) {
  const char* wanted = std::getenv("SACCADE_TEST_ISAS");
  if (!wanted) GTEST_SKIP() << "SACCADE_TEST_ISAS names none";
  EXPECT_EQ(fmt::format("{}", fmt::join(isas_here(), ",")), wanted);
}

TEST(InstructionSets, AnUnknownOneIsAnError) {
  EXPECT_THAT(
      [] {
        cpu::CpuDevice({1, "avx1024"});
      },
      ThrowsMessage<Error>(HasSubstr("\"avx1024\": not known here")));
}

}  // namespace
}  // namespace saccade::compute
