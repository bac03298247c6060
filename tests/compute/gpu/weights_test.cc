// Packed weights in the shared kernels: dequantized they are what the formats' formulas say, and
// products are close to those of the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "../random_weights.h"
#include "compute/gpu/host/executor.h"
#include "compute/gpu/weight_kernels.h"
#include "packed_weights.h"
#include "saccade/error.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::ActivationChunk;
using saccade::gpu::DequantizeArgs;
using saccade::gpu::Function;
using saccade::gpu::GemvArgs;
using saccade::gpu::GemvStore;
using saccade::gpu::NumberType;
using saccade::gpu::QuantizeArgs;
using testing::HasSubstr;
using testing::ThrowsMessage;

using Floats = std::vector<float>;

constexpr int kProcessors = 5;

/// Plain floats are quantized formats' neighbours: they are tested alike.
std::vector<WeightFormat> all_formats() {
  std::vector<WeightFormat> formats = quantized_formats();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    formats.push_back(WeightFormat::floating(dtype));
  }
  return formats;
}

HostMatrix random_matrix(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs,
                         unsigned seed) {
  if (format.quantized()) return random_weights(format, outputs, inputs, seed);
  std::mt19937 random(seed);
  auto bytes = std::make_shared<Bytes>();
  for (std::int64_t i = 0; i < outputs * inputs; ++i) put_number(*bytes, format.dtype, random);
  return {.format = format,
          .outputs = outputs,
          .inputs = inputs,
          .data = bytes->data(),
          .storage = bytes};
}

/// Whole numbers, the largest of each 32 being 127: quantization to int8 keeps them.
Floats whole_activations(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  Floats x(n);
  for (std::int64_t i = 0; i < n; ++i) {
    x[i] = i % 32 == 0 ? 127.0f : static_cast<float>(static_cast<int>(random() % 255) - 127);
  }
  return x;
}

class Runner {
 public:
  PackedSegment pack(const SegmentLayout& layout) { return {layout, threads_, 16}; }

  Floats dequantize(const WeightView& view, const std::vector<std::int32_t>& ids,
                    std::int64_t first, std::int64_t rows, std::int64_t stride, NumberType type) {
    const DequantizePlan plan = dequantize_plan(view, rows, stride);
    Floats y(rows * stride, NAN);
    std::vector<std::uint16_t> small(rows * stride, 0xffff);
    DequantizeArgs args{};
    args.weight = view;
    args.y = type == NumberType::kF32 ? static_cast<void*>(y.data()) : small.data();
    args.ids = ids.empty() ? nullptr : ids.data();
    args.y_stride = stride;
    args.first = static_cast<std::uint32_t>(first);
    args.rows = static_cast<std::uint32_t>(rows);
    args.column_groups = plan.column_groups;
    args.y_type = type;
    executor_.run(plan.kernel, plan.grid, &args);
    if (type == NumberType::kF16) {
      std::transform(small.begin(), small.end(), y.begin(), f16_to_f32);
    }
    return y;
  }

  void gemv(GemvArgs& args, std::int64_t rows) {
    const GemvPlan plan = gemv_plan(args.weight, args.n, args.gated, rows, kProcessors);
    args.tiling = plan.tiling;
    executor_.run(plan.kernel, plan.grid, &args);
  }

  HostExecutor& executor() { return executor_; }
  ThreadPool& threads() { return threads_; }

 private:
  ThreadPool threads_{2};
  HostExecutor executor_{&threads_};
};

Floats product(const Floats& x, const Floats& weights, std::int64_t outputs) {
  const auto inputs = static_cast<std::int64_t>(x.size());
  Floats y(outputs);
  for (std::int64_t o = 0; o < outputs; ++o) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < inputs; ++i) {
      sum += static_cast<double>(x[i]) * weights[o * inputs + i];
    }
    y[o] = static_cast<float>(sum);
  }
  return y;
}

double relative_error(const Floats& found, const Floats& wanted) {
  double squares = 0.0, errors = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    squares += static_cast<double>(wanted[i]) * wanted[i];
    errors += std::pow(static_cast<double>(found[i]) - wanted[i], 2);
  }
  return std::sqrt(errors / squares);
}

constexpr std::int64_t kOutputs = 42, kInputs = 768;

class GpuWeightsTest : public testing::TestWithParam<WeightFormat> {
 protected:
  HostMatrix weights_ = random_matrix(GetParam(), kOutputs, kInputs, 5);
  Floats values_ = dequantized(weights_);
  SegmentLayout layout_ = weight_layout(std::span(&weights_, 1)).at(0);
  Runner runner_;
  PackedSegment packed_ = runner_.pack(layout_);
};

TEST_P(GpuWeightsTest, RowsAreDequantizedByTheFormula) {
  const Floats all = runner_.dequantize(packed_.view(), {}, 0, kOutputs, kInputs, NumberType::kF32);
  EXPECT_EQ(all, values_);
  // Padded rows, some of them; and single rows in any order.
  const Floats some = runner_.dequantize(packed_.view(), {}, 7, 9, 790, NumberType::kF32);
  const std::vector<std::int32_t> ids = {41, 0, 17, 16, 16};
  const Floats chosen = runner_.dequantize(packed_.view(), ids, 0, 5, 800, NumberType::kF16);
  for (std::int64_t i = 0; i < 9 * 790; ++i) {
    const std::int64_t row = 7 + i / 790, column = i % 790;
    ASSERT_EQ(some[i], column < kInputs ? values_[row * kInputs + column] : 0.0f) << i;
  }
  for (std::int64_t i = 0; i < 5 * 800; ++i) {
    const std::int64_t row = ids[i / 800], column = i % 800;
    const float wanted = column < kInputs ? values_[row * kInputs + column] : 0.0f;
    ASSERT_EQ(chosen[i], f16_to_f32(f32_to_f16(wanted))) << i;
  }
}

TEST_P(GpuWeightsTest, ProductsAreThoseOfTheReference) {
  const Floats x = whole_activations(kInputs, 7);
  const Floats bias(kOutputs, 0.25f);
  Floats y(kOutputs, NAN);
  GemvArgs args{};
  args.weight = packed_.view();
  args.x = x.data();
  args.y = y.data();
  args.bias = bias.data();
  args.n = kOutputs;
  runner_.gemv(args, 1);
  Floats wanted = product(x, values_, kOutputs);
  for (float& value : wanted) value += 0.25f;
  EXPECT_LT(relative_error(y, wanted), 1e-5);
}

TEST_P(GpuWeightsTest, GatedProductsOfANormedRow) {
  constexpr std::int64_t kHalf = kOutputs / 2, kRows = 2;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<std::uint16_t> x(kRows * kInputs);
  for (std::uint16_t& value : x) value = f32_to_f16(normal(random));
  Floats norm(kInputs);
  // Results of about 1: f16 holds none of more than 65504, and some formats' numbers are large.
  double squares_of_weights = 0.0;
  for (const float value : values_) squares_of_weights += static_cast<double>(value) * value;
  const auto factor = static_cast<float>(1.0 / std::sqrt(squares_of_weights / kOutputs));
  for (float& value : norm) value = factor * (1.0f + 0.1f * normal(random));
  std::vector<std::uint16_t> y(kRows * kHalf);
  GemvArgs args{};
  args.weight = packed_.view();
  args.x = x.data();
  args.x_type = NumberType::kF16;
  args.x_stride = kInputs;
  args.norm_weight = norm.data();
  args.eps = 1e-6f;
  args.y = y.data();
  args.y_stride = kHalf;
  args.store = GemvStore::kF16;
  args.n = kHalf;
  args.gated = true;
  args.activation = Function::kSilu;
  runner_.gemv(args, kRows);
  Floats found, wanted;
  for (std::int64_t row = 0; row < kRows; ++row) {
    Floats normed(kInputs);
    double squares = 0.0;
    for (std::int64_t i = 0; i < kInputs; ++i) {
      normed[i] = f16_to_f32(x[row * kInputs + i]);
      squares += normed[i] * normed[i];
    }
    const auto scale = static_cast<float>(1.0 / std::sqrt(squares / kInputs + 1e-6));
    for (std::int64_t i = 0; i < kInputs; ++i) normed[i] *= scale * norm[i];
    const Floats both = product(normed, values_, kOutputs);
    for (std::int64_t o = 0; o < kHalf; ++o) {
      wanted.push_back(both[o] / (1.0f + std::exp(-both[o])) * both[kHalf + o]);
      found.push_back(f16_to_f32(y[row * kHalf + o]));
    }
  }
  // Rounding activations to 8 bits costs about half a percent; a wrong sign or order far more.
  EXPECT_LT(relative_error(found, wanted), 0.03);
}

TEST(GpuWeightsAsHalves, Bfloat16KeepsItsNumbersAndSaturates) {
  // Both ends of what a shift of the exponent does, and what lies beyond.
  const Floats numbers = {1.0f,     -0.3359375f, 0x1p-14f, 0x1.fep-15f, -0x1p-24f, 0x1p-26f, 0.0f,
                          -0x1p15f, 0x1.fep15f,  0x1p16f,  -3e38f,      0x1p-14f,  2.5f,     -0.0f};
  const Floats wanted = {1.0f,     -0.3359375f, 0x1p-14f, 0x1.fep-15f, -0x1p-24f, 0.0f, 0.0f,
                         -0x1p15f, 0x1.fep15f,  65504.0f, -65504.0f,   0x1p-14f,  2.5f, -0.0f};
  std::vector<std::uint16_t> bits(numbers.size());
  std::transform(numbers.begin(), numbers.end(), bits.begin(), f32_to_bf16);
  const HostMatrix matrix{.format = WeightFormat::floating(DType::kBF16),
                          .outputs = 2,
                          .inputs = static_cast<std::int64_t>(numbers.size()) / 2,
                          .data = reinterpret_cast<const std::byte*>(bits.data())};
  const SegmentLayout layout = weight_layout(std::span(&matrix, 1), true).at(0);
  EXPECT_EQ(layout.view.codes, saccade::gpu::CodeKind::kF16);
  Runner runner;
  const PackedSegment packed = runner.pack(layout);
  EXPECT_EQ(runner.dequantize(packed.view(), {}, 0, 2, matrix.inputs, NumberType::kF32), wanted);
}

TEST_P(GpuWeightsTest, PackingCostsAtMostThreePercent) {
  const HostMatrix large = random_matrix(GetParam(), 4096, kInputs, 5);
  const SegmentLayout layout = weight_layout(std::span(&large, 1)).at(0);
  EXPECT_LE(static_cast<double>(layout.bytes), 1.03 * static_cast<double>(large.bytes()));
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

INSTANTIATE_TEST_SUITE_P(Formats, GpuWeightsTest, testing::ValuesIn(all_formats()), format_name);

TEST(GpuWeights, PartsOfOneFormatShareASegment) {
  const std::vector<HostMatrix> parts = {
      random_weights(WeightFormat::blocks(GgmlType::kQ4_K), 20, 512, 1),
      random_weights(WeightFormat::blocks(GgmlType::kQ4_K), 9, 512, 2),
      random_weights(WeightFormat::blocks(GgmlType::kQ6_K), 20, 512, 3)};
  const std::vector<SegmentLayout> segments = weight_layout(parts);
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[0].outputs, 29);
  EXPECT_EQ(segments[1].first, 29);
  Floats wanted = dequantized(parts[0]);
  const Floats second = dequantized(parts[1]);
  wanted.insert(wanted.end(), second.begin(), second.end());
  Runner runner;
  const PackedSegment packed = runner.pack(segments[0]);
  EXPECT_EQ(runner.dequantize(packed.view(), {}, 0, 29, 512, NumberType::kF32), wanted);
}

TEST(GpuWeights, ScalesOfBlocksOfRowsAreSharedWherePartsEndWithTheirBlocks) {
  const WeightFormat format = {
      .kind = WeightFormat::Kind::kFp8, .group_size = 64, .group_rows = 16};
  const std::vector<HostMatrix> parts = {random_weights(format, 32, 256, 1),
                                         random_weights(format, 20, 256, 2),
                                         random_weights(format, 20, 256, 3)};
  const std::vector<SegmentLayout> segments = weight_layout(parts);
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[0].outputs, 52);
  EXPECT_EQ(segments[0].array(WeightArray::kScales).bytes(52), 4 * 4 * 4);
  Floats wanted = dequantized(parts[0]);
  const Floats second = dequantized(parts[1]);
  wanted.insert(wanted.end(), second.begin(), second.end());
  Runner runner;
  const PackedSegment packed = runner.pack(segments[0]);
  EXPECT_EQ(runner.dequantize(packed.view(), {}, 0, 52, 256, NumberType::kF32), wanted);
}

TEST(GpuWeights, InputsInAnotherOrder) {
  HostMatrix weights = random_weights(
      {.kind = WeightFormat::Kind::kZeroPoint, .dtype = DType::kF16, .bits = 4, .group_size = 64},
      20, 256, 1);
  std::vector<std::int32_t> order(256);
  for (int i = 0; i < 256; ++i) order[i] = i * 37 % 256;
  weights.input_order = order.data();
  const Floats values = dequantized(weights);
  Runner runner;
  const PackedSegment packed = runner.pack(weight_layout(std::span(&weights, 1)).at(0));
  EXPECT_EQ(runner.dequantize(packed.view(), {}, 0, 20, 256, NumberType::kF32), values);
  std::mt19937 random(3);
  Floats x(256), y(20);
  for (float& value : x) value = static_cast<float>(random() % 1000) / 1000.0f - 0.5f;
  GemvArgs args{};
  args.weight = packed.view();
  args.x = x.data();
  args.y = y.data();
  args.n = 20;
  runner.gemv(args, 1);
  EXPECT_LT(relative_error(y, product(x, values, 20)), 0.02);
}

TEST(GpuWeights, SmallAndOddSizes) {
  for (const std::int64_t inputs : {40, 64, 100, 1032}) {
    const std::vector<WeightFormat> formats = {
        WeightFormat::floating(DType::kBF16),
        WeightFormat::floating(DType::kF32),
        {.kind = WeightFormat::Kind::kFp8, .group_size = inputs, .group_rows = 1},
        {.kind = WeightFormat::Kind::kZeroPoint,
         .dtype = DType::kF16,
         .bits = 8,
         .group_size = inputs}};
    for (const WeightFormat& format : formats) {
      const HostMatrix weights = random_matrix(format, 3, inputs, 2);
      const Floats values = dequantized(weights);
      Runner runner;
      const PackedSegment packed = runner.pack(weight_layout(std::span(&weights, 1)).at(0));
      EXPECT_EQ(runner.dequantize(packed.view(), {}, 0, 3, inputs, NumberType::kF32), values);
      const Floats x = whole_activations(inputs, 4);
      Floats y(3);
      GemvArgs args{};
      args.weight = packed.view();
      args.x = x.data();
      args.y = y.data();
      args.n = 3;
      runner.gemv(args, 1);
      EXPECT_LT(relative_error(y, product(x, values, 3)), 1e-5) << format.name() << inputs;
    }
  }
}

TEST(GpuWeights, RowsAreQuantizedAsOnTheCpu) {
  constexpr std::int64_t kRows = 3, kColumns = 3000, kChunks = 94;
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  Floats x(kRows * kColumns);
  for (float& value : x) value = normal(random);
  std::vector<std::int8_t> codes(kRows * kChunks * 32);
  std::vector<ActivationChunk> chunks(kRows * kChunks);
  Floats squares(kRows * kChunks), ones(kColumns, 1.0f);
  QuantizeArgs args{};
  args.codes = reinterpret_cast<std::uint32_t*>(codes.data());
  args.chunks = chunks.data();
  args.x = x.data();
  args.norm_weight = ones.data();
  args.squares = squares.data();
  args.x_stride = kColumns;
  args.inputs = kColumns;
  args.chunks_of_row = kChunks;
  Runner runner;
  runner.executor().run<Kernel::quantize_rows>(quantize_grid(kRows, args.chunks_of_row, 8 * kRows),
                                               args);
  for (std::int64_t chunk = 0; chunk < kRows * kChunks; ++chunk) {
    const std::int64_t row = chunk / kChunks, first = chunk % kChunks * 32;
    const auto count = std::min<std::int64_t>(32, kColumns - first);
    float largest = 0.0f;
    for (std::int64_t i = 0; i < count; ++i) {
      largest = std::max(largest, std::abs(x[row * kColumns + first + i]));
    }
    EXPECT_FLOAT_EQ(chunks[chunk].scale, largest / 127.0f);  // a product with 1 / 127 there
    int sums[2] = {0, 0};
    double square = 0.0;
    for (std::int64_t i = 0; i < 32; ++i) {
      const int code = codes[chunk * 32 + i];
      const float value = i < count ? x[row * kColumns + first + i] : 0.0f;
      EXPECT_EQ(code, static_cast<int>(std::nearbyint(value * (127.0f / largest))));
      sums[i / 16] += code;
      square += static_cast<double>(value) * value;
    }
    EXPECT_NEAR(squares[chunk], square, 1e-5 * square);
    EXPECT_EQ(saccade::gpu::half_sum(chunks[chunk].sums, 0), sums[0]);
    EXPECT_EQ(saccade::gpu::half_sum(chunks[chunk].sums, 1), sums[1]);
  }
}

TEST(GpuWeights, WhatHasNoLayoutIsRefusedByName) {
  const HostMatrix odd = {.format = {.kind = WeightFormat::Kind::kAffine,
                                     .dtype = DType::kF16,
                                     .bits = 4,
                                     .group_size = 48},
                          .outputs = 2,
                          .inputs = 96};
  EXPECT_THAT([&] { weight_layout(std::span(&odd, 1)); },
              ThrowsMessage<Error>(HasSubstr("groups of 48")));
  HostMatrix fp8 = random_weights(
      {.kind = WeightFormat::Kind::kFp8, .group_size = 64, .group_rows = 20}, 20, 64, 1);
  std::vector<std::byte> codes(20 * 64, std::byte{0x38});
  codes[77] = std::byte{0xff};
  fp8.data = codes.data();
  Runner runner;
  EXPECT_THAT([&] { runner.pack(weight_layout(std::span(&fp8, 1)).at(0)); },
              ThrowsMessage<Error>(HasSubstr("not a number")));
}

}  // namespace
}  // namespace saccade::compute::gpu
