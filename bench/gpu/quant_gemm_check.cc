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
  std::vector<float> run(const How& how, int count, QuantGemmOutput output, bool with_bias,
                         Function activation = Function::kSilu) const {
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
    if (!how.cut && quant_gemm_workspace_bytes(view, count, how.plan) > kWorkspace) std::exit(1);
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
    multiply(args, how, nullptr);
    CHECK(cudaDeviceSynchronize());
    if (output == QuantGemmOutput::kAddF32) {  // once more: the workspace must be usable again
      y.fill(0x3f);
      multiply(args, how, nullptr);
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
             {100, 1, 1, 2},
             {20, 10, 1, 1}};
  }
  double worst = 0.0;
  for (const QuantGemmPlan& plan : plans) {
    std::vector<float> first;
    for (const int rows : {1, 2, 8, 9, 16, 17, 32, 40, 64, 70, 7}) {
      const std::vector<float> y = c.run({plan}, rows, QuantGemmOutput::kF32, rows % 2 == 0);
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
        const double error = c.error(c.run({plan}, rows, output, true), rows, output, true);
        expect(error < (output == QuantGemmOutput::kF16 ? 3e-3 : 3e-6), "output", error);
      }
      for (const auto kind : {Function::kSilu, Function::kGelu, Function::kGeluTanh,
                              Function::kQuickGelu, Function::kRelu}) {
        for (const auto output : {QuantGemmOutput::kGateF32, QuantGemmOutput::kGateF16}) {
          const double error =
              c.error(c.run({plan}, rows, output, true, kind), rows, output, true, kind);
          expect(error < (output == QuantGemmOutput::kGateF16 ? 3e-3 : 1e-5), "gate", error);
        }
      }
    }
  }
}

/// Streamed products of a weight: rows, cuts, outputs.
void check_streamed_format(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs,
                           ThreadPool& threads, const std::vector<int>& rows_list) {
  const Case c(format, outputs, inputs, kStreamGemmRows, threads);
  const std::string name = "streamed " + format.name() + " [" + std::to_string(outputs) + ", " +
                           std::to_string(inputs) + "]";
  if (!stream_gemm_fits(c.view)) {
    std::printf("%-40s not supported\n", name.c_str());
    return;
  }
  double worst = 0.0;
  int cuts = 0;
  for (const StreamGemmCut& cut : kCuts) {
    for (const bool gated : {false, true}) {
      if (!stream_gemm_can_cut(c.view, gated, false, cut, multiprocessors())) continue;
      ++cuts;
      std::vector<float> first;
      for (const int rows : rows_list) {
        const bool bias = rows % 2 == 0;
        const auto output = gated           ? QuantGemmOutput::kGateF32
                            : rows % 3 == 0 ? QuantGemmOutput::kAddF32
                                            : QuantGemmOutput::kF32;
        const std::vector<float> y = c.run({{}, cut}, rows, output, bias);
        const double error = c.error(y, rows, output, bias);
        worst = std::max(worst, std::isnan(error) ? 1e9 : error);
        if (bias || output == QuantGemmOutput::kAddF32) continue;
        const std::size_t width = y.size() / rows;
        if (first.empty()) first.assign(y.begin(), y.begin() + width);
        expect(std::memcmp(first.data(), y.data(), width * 4) == 0,
               (name + ": a row's bits depend on other rows").c_str(), rows);
      }
    }
  }
  // Activations are f16; rounding them to 8 bits, which the reference has as well, costs ten times
  // as much.
  expect(worst < 1e-3, name.c_str(), worst);
  std::printf("%-40s %d cuts, error %.2g\n", name.c_str(), cuts, worst);
}

/// Of each chunk of activations whose norm's factor a product takes: any squares are those of a
/// norm.
constexpr float kChunkSquares = 2.5f;

/// A product's results, and what it leaves besides for the product after it.
struct CodedResults {
  bool gated;
  std::int64_t width;
  std::vector<float> values;            // [rows, width]
  std::vector<std::int8_t> codes;       // [rows, width], of values times norm if not gated
  std::vector<ActivationChunk> chunks;  // [rows, width / 32]
  std::vector<float> squares;           // [rows, width / 32], if not gated
};

CodedResults run_coded(const Case& c, const Buffer& norm, const StreamGemmCut& cut, bool gated,
                       int rows) {
  const std::int64_t width = gated ? c.matrix.outputs / 2 : c.matrix.outputs;
  const Buffer squares_in(std::vector<float>(kStreamGemmRows * c.view.chunks, kChunkSquares));
  const Buffer y(rows * width * 4), codes(rows * width), chunks(rows * width / 32 * 8),
      squares(rows * width / 32 * 4);
  for (const Buffer* b : {&codes, &chunks, &squares}) b->fill(0xff);
  y.fill(gated ? 0xff : 0x3f);
  QuantGemmArgs args;
  args.weight = c.view;
  args.codes = c.codes.get();
  args.chunks = reinterpret_cast<const ActivationChunk*>(c.chunks.get());
  args.squares = reinterpret_cast<const float*>(squares_in.get());
  args.y = y.get();
  args.y_stride = width;
  args.rows = rows;
  args.output = gated ? QuantGemmOutput::kGateF16 : QuantGemmOutput::kAddF32;
  args.y_codes = codes.get();
  args.y_chunks = reinterpret_cast<ActivationChunk*>(chunks.get());
  if (!gated) {
    args.y_norm = reinterpret_cast<const float*>(norm.get());
    args.y_squares = reinterpret_cast<float*>(squares.get());
  }
  CHECK(stream_gemm(args, cut, multiprocessors(), nullptr));
  CHECK(cudaDeviceSynchronize());
  std::vector<float> values;
  if (gated) {
    for (const std::uint16_t bits : y.read<std::uint16_t>()) values.push_back(f16_value(bits));
  } else {
    values = y.read<float>();
  }
  values.resize(rows * width);
  return {gated,
          width,
          std::move(values),
          codes.read<std::int8_t>(),
          chunks.read<ActivationChunk>(),
          squares.read<float>()};
}

/// Codes within half a step of the numbers that they stand for; their sums; the numbers' squares.
void check_coded_chunk(const CodedResults& results, const std::vector<float>& norm,
                       std::int64_t chunk) {
  const ActivationChunk& beside = results.chunks[chunk];
  int sums[2] = {0, 0};
  double square = 0.0;
  for (std::int64_t i = 0; i < 32; ++i) {
    const std::int64_t at = chunk * 32 + i;
    const float value = results.values[at];
    const float coded = results.gated ? value : value * norm[at % results.width];
    expect(std::abs(coded - beside.scale * results.codes[at]) <= 0.502f * beside.scale, "code", at);
    sums[i / 16] += results.codes[at];
    square += static_cast<double>(value) * value;
  }
  const bool same = saccade::gpu::half_sum(beside.sums, 0) == sums[0] &&
                    saccade::gpu::half_sum(beside.sums, 1) == sums[1];
  expect(same, "sums of codes", static_cast<double>(chunk));
  if (!results.gated) {
    expect(std::abs(results.squares[chunk] - square) < 1e-5 * square, "squares",
           static_cast<double>(chunk));
  }
}

/// |values - reference| / |reference|, the activations' norm having kChunkSquares.
double coded_error(const Case& c, const CodedResults& results, int rows) {
  const float factor = 1.0f / std::sqrt(kChunkSquares * static_cast<float>(c.view.chunks) /
                                        static_cast<float>(c.matrix.inputs));
  double difference = 0.0, all = 0.0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto product = [&](std::int64_t o) {
      return factor * c.products[row * c.matrix.outputs + o];
    };
    for (std::int64_t o = 0; o < results.width; ++o) {
      const double want =
          results.gated
              ? std::clamp(reference_activate(static_cast<float>(product(o)), Function::kSilu) *
                               product(o + results.width),
                           -65504.0, 65504.0)
              : product(o) + std::bit_cast<float>(0x3f3f3f3fu);
      const double d = want - results.values[row * results.width + o];
      difference += d * d;
      all += want * want;
    }
  }
  return std::sqrt(difference / all);
}

/// Codes that a product leaves besides, against the numbers that it leaves.
void check_streamed_codes(std::int64_t outputs, std::int64_t inputs, ThreadPool& threads,
                          const std::vector<int>& rows_list) {
  const Case c(affine(4), outputs, inputs, kStreamGemmRows, threads);
  const std::vector<float> norm = random_bias(outputs);
  const Buffer norm_memory(norm);
  int cuts = 0;
  for (const StreamGemmCut& cut : kCuts) {
    for (const bool gated : {false, true}) {
      if (!stream_gemm_can_cut(c.view, gated, true, cut, multiprocessors())) continue;
      ++cuts;
      for (const int rows : rows_list) {
        const CodedResults results = run_coded(c, norm_memory, cut, gated, rows);
        const auto chunks = static_cast<std::int64_t>(results.chunks.size());
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
          check_coded_chunk(results, norm, chunk);
        }
        const double error = coded_error(c, results, rows);
        expect(error < (gated ? 3e-3 : 1e-3), "results beside codes", error);
      }
    }
  }
  std::printf("streamed codes [%d, %d]: %d cuts\n", static_cast<int>(outputs),
              static_cast<int>(inputs), cuts);
}

const WeightFormat kHalfAffine = {
    .kind = WeightFormat::Kind::kAffine, .dtype = DType::kF16, .bits = 4, .group_size = 64};

}  // namespace

int check_streamed_few() {
  ThreadPool threads(12);
  check_streamed_format(affine(4), 72, 768, threads, {3, 12});
  check_streamed_format(WeightFormat::blocks(GgmlType::kQ4_0), 40, 512, threads, {16});
  check_streamed_codes(128, 768, threads, {5, 16});
  std::printf(failures == 0 ? "all good\n" : "%d FAILURES\n", failures);
  return failures;
}

int check_streamed() {
  ThreadPool threads(12);
  const std::vector<int> all_rows = {1, 2, 3, 5, 7, 8, 9, 11, 13, 15, 16};
  for (const WeightFormat& format :
       {affine(4), kHalfAffine, WeightFormat::blocks(GgmlType::kQ4_0)}) {
    check_streamed_format(format, 74, 256, threads, all_rows);
    check_streamed_format(format, 202, 1024, threads, all_rows);
    check_streamed_format(format, 1000, 3584, threads, {1, 7, 16});
  }
  check_streamed_format(affine(4), 4610, 2048, threads, {1, 7, 13});
  check_streamed_format(affine(4), 96, 6400, threads, {1, 7, 13});
  check_streamed_format(affine(4), 20000, 768, threads, {1, 7, 13});
  check_streamed_codes(64, 256, threads, all_rows);
  check_streamed_codes(2112, 1024, threads, all_rows);
  check_streamed_codes(18944, 768, threads, {3, 16});
  check_streamed_codes(320, 6400, threads, {3, 16});
  check_streamed_codes(3584, 3584, threads, {16});
  std::printf(failures == 0 ? "all good\n" : "%d FAILURES\n", failures);
  return failures;
}

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
