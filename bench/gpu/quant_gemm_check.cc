// Quantized products against the reference dequantization.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "quant_gemm_bench.h"

namespace saccade::bench {
namespace {

Buffer packed(const HostMatrix& matrix, ThreadPool& threads, WeightView& view) {
  const auto segments = compute::gpu::weight_layout(std::span(&matrix, 1));
  const compute::gpu::SegmentLayout& layout = segments.at(0);
  std::vector<std::byte> staging(compute::gpu::staging_bytes(layout, layout.outputs));
  Buffer memory(static_cast<std::size_t>(layout.bytes));
  for (const compute::gpu::WeightCopy& copy :
       compute::gpu::pack_rows(layout, 0, layout.outputs, staging.data(), threads)) {
    CHECK(cudaMemcpy(memory.get() + copy.to, staging.data() + copy.from, copy.bytes,
                     cudaMemcpyHostToDevice));
  }
  view = compute::gpu::weight_view(layout, memory.get());
  return memory;
}

float f16_value(std::uint16_t bits) {
  return f16_to_f32(bits);
}

float reference_activate(float x, Function kind) {
  switch (kind) {
    case Function::kSilu:
      return x / (1.0f + std::exp(-x));
    case Function::kGelu:
      return 0.5f * x * (1.0f + std::erf(x * 0.70710678f));
    case Function::kGeluTanh:
      return 0.5f * x * (1.0f + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    case Function::kQuickGelu:
      return x / (1.0f + std::exp(-1.702f * x));
    case Function::kRelu:
      return std::max(x, 0.0f);
  }
  return x;
}

std::vector<float> random_bias(std::int64_t n) {
  std::mt19937 random(3);
  std::vector<float> bias(n);
  for (float& b : bias) b = std::normal_distribution<float>()(random);
  return bias;
}

/// One weight and what it should give.
struct Case {
  HostMatrix matrix;
  WeightView view{};
  Buffer memory;
  std::int64_t rows;
  Activations x;
  Buffer codes, chunks;
  std::vector<float> bias;
  Buffer bias_memory;
  std::vector<double> products;  // [rows, outputs], without the bias

  Case(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs, std::int64_t rows,
       ThreadPool& threads)
      : matrix(random_weights(format, outputs, inputs, 7)),
        memory(packed(matrix, threads, view)),
        rows(rows),
        x(random_activations(rows, inputs, 11)),
        codes(x.codes),
        chunks(x.chunks),
        bias(random_bias(outputs)),
        bias_memory(bias),
        products(rows * outputs) {
    const std::vector<float> w = dequantized(matrix);
    const std::int64_t stride = (inputs + 31) / 32 * 32;
    threads.parallel_for(outputs, [&](std::int64_t o) {
      for (std::int64_t r = 0; r < rows; ++r) {
        double sum = 0.0;
        for (std::int64_t i = 0; i < inputs; ++i) {
          sum += static_cast<double>(w[o * inputs + i]) * x.values[r * stride + i];
        }
        products[r * outputs + o] = sum;
      }
    });
  }

  /// Results [count, width] of the first `count` rows, as floats.
  std::vector<float> run(const QuantGemmPlan& plan, int count, QuantGemmOutput output,
                         bool with_bias, Function activation = Function::kSilu) const {
    const bool gated = output == QuantGemmOutput::kGateF32 || output == QuantGemmOutput::kGateF16;
    const bool half = output == QuantGemmOutput::kGateF16 || output == QuantGemmOutput::kF16;
    const std::int64_t width = gated ? view.outputs / 2 : view.outputs;
    const std::int64_t stride = width + 3;
    Buffer y(count * stride * (half ? 2 : 4));
    y.fill(output == QuantGemmOutput::kAddF32 ? 0x3f : 0xff);
    // One for all, as chains of products have.
    constexpr std::size_t kWorkspace = 64 << 20;
    static const Buffer workspace = [] {
      Buffer zeros(kWorkspace);
      zeros.fill(0);
      return zeros;
    }();
    if (quant_gemm_workspace_bytes(view, count, plan) > kWorkspace) std::exit(1);
    QuantGemmArgs args;
    args.weight = view;
    args.codes = codes.get();
    args.chunks = reinterpret_cast<const ActivationChunk*>(chunks.get());
    args.bias = with_bias ? reinterpret_cast<const float*>(bias_memory.get()) : nullptr;
    args.y = y.get();
    args.y_stride = stride;
    args.rows = count;
    args.output = output;
    args.activation = activation;
    args.workspace = workspace.get();
    quant_gemm(args, plan, nullptr);
    CHECK(cudaDeviceSynchronize());
    if (output == QuantGemmOutput::kAddF32) {  // once more: the workspace must be usable again
      y.fill(0x3f);
      quant_gemm(args, plan, nullptr);
      CHECK(cudaDeviceSynchronize());
    }
    std::vector<float> values(count * width);
    const auto f32 = half ? std::vector<float>() : y.read<float>();
    const auto b16 = half ? y.read<std::uint16_t>() : std::vector<std::uint16_t>();
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t o = 0; o < width; ++o) {
        values[r * width + o] = half ? f16_value(b16[r * stride + o]) : f32[r * stride + o];
      }
    }
    return values;
  }

  /// |values - reference| / |reference|.
  double error(const std::vector<float>& values, int count, QuantGemmOutput output, bool with_bias,
               Function activation = Function::kSilu) const {
    const bool gated = output == QuantGemmOutput::kGateF32 || output == QuantGemmOutput::kGateF16;
    const std::int64_t width = gated ? view.outputs / 2 : view.outputs;
    double difference = 0.0, norm = 0.0;
    for (std::int64_t r = 0; r < count; ++r) {
      const auto value = [&](std::int64_t o) {
        return products[r * view.outputs + o] + (with_bias ? bias[o] : 0.0f);
      };
      for (std::int64_t o = 0; o < width; ++o) {
        double want = value(o);
        if (gated) {
          want = reference_activate(static_cast<float>(want), activation) * value(o + width);
        }
        if (output == QuantGemmOutput::kAddF32) want += std::bit_cast<float>(0x3f3f3f3fu);
        const double d = values[r * width + o] - want;
        difference += d * d;
        norm += want * want;
      }
    }
    return std::sqrt(difference / norm);
  }
};

int failures = 0;

void expect(bool good, const char* what, double value) {
  if (good) return;
  ++failures;
  std::printf("FAILED %s: %g\n", what, value);
}

void check_format(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs,
                  ThreadPool& threads, std::vector<QuantGemmPlan> plans = {}) {
  const Case c(format, outputs, inputs, 70, threads);
  const std::string name =
      format.name() + " [" + std::to_string(outputs) + ", " + std::to_string(inputs) + "]";
  if (!quant_gemm_supported(c.view)) {
    std::printf("%-40s not supported\n", name.c_str());
    return;
  }
  if (plans.empty()) {
    plans = {quant_gemm_plan(c.view, false, multiprocessors()),
             {5, 1, 4, 3},
             {13, 3, 1, 2},
             {7, 2, 1, 1},
             {3, 2, 4, 2},
             {100, 1, 1, 2}};
  }
  double worst = 0.0;
  for (const QuantGemmPlan& plan : plans) {
    std::vector<float> first;
    for (const int rows : {1, 2, 8, 9, 16, 17, 32, 40, 64, 70, 7}) {
      const std::vector<float> y = c.run(plan, rows, QuantGemmOutput::kF32, rows % 2 == 0);
      const double error = c.error(y, rows, QuantGemmOutput::kF32, rows % 2 == 0);
      worst = std::max(worst, std::isnan(error) ? 1e9 : error);
      if (rows % 2 == 0) continue;  // with the bias
      if (first.empty()) first.assign(y.begin(), y.begin() + c.view.outputs);
      expect(std::memcmp(first.data(), y.data(), first.size() * 4) == 0,
             (name + ": a row's bits depend on other rows").c_str(), rows);
    }
  }
  expect(worst < 3e-6, name.c_str(), worst);
  std::printf("%-40s error %.2g\n", name.c_str(), worst);
}

void check_outputs(ThreadPool& threads) {
  const Case c(
      {.kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64},
      2 * 152, 1024, 40, threads);
  for (const QuantGemmPlan plan : {QuantGemmPlan{3, 1, 4, 2}, {8, 2, 1, 3}}) {
    for (const int rows : {3, 40}) {
      for (const auto output : {QuantGemmOutput::kF16, QuantGemmOutput::kAddF32}) {
        const double error = c.error(c.run(plan, rows, output, true), rows, output, true);
        expect(error < (output == QuantGemmOutput::kF16 ? 3e-3 : 3e-6), "output", error);
      }
      for (const auto kind : {Function::kSilu, Function::kGelu, Function::kGeluTanh,
                              Function::kQuickGelu, Function::kRelu}) {
        for (const auto output : {QuantGemmOutput::kGateF32, QuantGemmOutput::kGateF16}) {
          const double error =
              c.error(c.run(plan, rows, output, true, kind), rows, output, true, kind);
          expect(error < (output == QuantGemmOutput::kGateF16 ? 3e-3 : 1e-5), "gate", error);
        }
      }
    }
  }
}

}  // namespace

int check_few() {
  ThreadPool threads(12);
  const std::vector<QuantGemmPlan> plans = {
      {5, 1, 4, 3}, {13, 3, 1, 2}, {7, 2, 1, 1}, {3, 2, 4, 2}};
  check_format(affine(4), 100, 768, threads, plans);
  check_format(WeightFormat::blocks(GgmlType::kQ6_K), 40, 768, threads, plans);
  check_format(WeightFormat::blocks(GgmlType::kQ5_0), 70, 32 * 27, threads, plans);
  return failures;
}

int check() {
  ThreadPool threads(12);
  for (const WeightFormat& format : quantized_formats()) check_format(format, 200, 768, threads);
  // An odd number of chunks.
  check_format(WeightFormat::blocks(GgmlType::kQ5_0), 70, 32 * 27, threads);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    check_format({.kind = WeightFormat::Kind::kAffine,
                  .dtype = DType::kBF16,
                  .bits = bits,
                  .group_size = 32},
                 33, 32 * 37, threads);
  }
  check_outputs(threads);
  std::printf(failures == 0 ? "all good\n" : "%d FAILURES\n", failures);
  return failures;
}

}  // namespace saccade::bench
