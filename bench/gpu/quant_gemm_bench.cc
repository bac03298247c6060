// Checks the quantized products of a GPU against the reference dequantization, and times them.
// Needs src/compute/cuda/quant_gemm*, src/compute/gpu/weight_{layout,pack}.cc, src/tensor,
// src/base/thread_pool.cc, fmt and the CUDA runtime; includes of tests/compute and
// tests/compute/gpu.
//
//   quant_gemm_bench check          every format, odd sizes and plans, all epilogues
//   quant_gemm_bench check_few      the same for a few formats, for compute-sanitizer
//   quant_gemm_bench time [rows..]  the linear maps of Qwen2.5-VL-7B in 4 bits, as chains in graphs
//   quant_gemm_bench plans [rows..] other plans for the same matrices
//   quant_gemm_bench formats        one matrix in other formats
//   quant_gemm_bench profile [rows..]  one launch of each of a layer, for profilers
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "compute/cuda/quant_gemm/quant_gemm.h"
#include "compute/gpu/weight_pack.h"
#include "packed_weights.h"
#include "random_weights.h"

namespace {

using namespace saccade;
using namespace saccade::compute;
using namespace saccade::compute::cuda;
using saccade::gpu::ActivationChunk;
using saccade::gpu::Function;
using saccade::gpu::WeightView;

#define CHECK(call)                                                                        \
  do {                                                                                     \
    const cudaError_t status_ = (call);                                                    \
    if (status_ != cudaSuccess) {                                                          \
      std::fprintf(stderr, "%s:%d %s\n", __FILE__, __LINE__, cudaGetErrorString(status_)); \
      std::exit(1);                                                                        \
    }                                                                                      \
  } while (false)

/// Device memory.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes) : bytes_(bytes) { CHECK(cudaMalloc(&data_, bytes + 256)); }
  template <typename T>
  explicit Buffer(const std::vector<T>& from) : Buffer(from.size() * sizeof(T)) {
    CHECK(cudaMemcpy(data_, from.data(), bytes_, cudaMemcpyHostToDevice));
  }
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept : data_(other.data_), bytes_(other.bytes_) {
    other.data_ = nullptr;
  }
  std::byte* get() const { return static_cast<std::byte*>(data_); }
  void fill(int value) const { CHECK(cudaMemset(data_, value, bytes_)); }
  template <typename T>
  std::vector<T> read() const {
    std::vector<T> to(bytes_ / sizeof(T));
    CHECK(cudaMemcpy(to.data(), data_, bytes_, cudaMemcpyDeviceToHost));
    return to;
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_;
};

int multiprocessors() {
  int count = 0;
  CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0));
  return count;
}

/// Activations as int8, as the quantizing kernel makes them, and as numbers.
struct Activations {
  std::vector<std::int8_t> codes;
  std::vector<ActivationChunk> chunks;
  std::vector<float> values;  // [rows, chunks * 32]
};

Activations random_activations(std::int64_t rows, std::int64_t inputs, unsigned seed) {
  const std::int64_t chunks = (inputs + 31) / 32;
  Activations a{std::vector<std::int8_t>(rows * chunks * 32),
                std::vector<ActivationChunk>(rows * chunks),
                std::vector<float>(rows * chunks * 32)};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (std::int64_t chunk = 0; chunk < rows * chunks; ++chunk) {
    float values[32];
    float largest = 0.0f;
    for (std::int64_t i = 0; i < 32; ++i) {
      values[i] = chunk % chunks * 32 + i < inputs ? normal(random) : 0.0f;
      largest = std::max(largest, std::abs(values[i]));
    }
    const float scale = largest / 127.0f;
    int sums[2] = {0, 0};
    for (std::int64_t i = 0; i < 32; ++i) {
      const int code = static_cast<int>(std::nearbyint(values[i] * (127.0f / largest)));
      a.codes[chunk * 32 + i] = static_cast<std::int8_t>(code);
      a.values[chunk * 32 + i] = scale * static_cast<float>(code);
      sums[i / 16] += code;
    }
    a.chunks[chunk] = {
        scale, (static_cast<unsigned>(sums[0]) & 0xffffu) | static_cast<unsigned>(sums[1]) << 16};
  }
  return a;
}

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

WeightFormat affine(int bits) {
  return {
      .kind = WeightFormat::Kind::kAffine, .dtype = DType::kBF16, .bits = bits, .group_size = 64};
}

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

void check_few() {
  ThreadPool threads(12);
  const std::vector<QuantGemmPlan> plans = {
      {5, 1, 4, 3}, {13, 3, 1, 2}, {7, 2, 1, 1}, {3, 2, 4, 2}};
  check_format(affine(4), 100, 768, threads, plans);
  check_format(WeightFormat::blocks(GgmlType::kQ6_K), 40, 768, threads, plans);
  check_format(WeightFormat::blocks(GgmlType::kQ5_0), 70, 32 * 27, threads, plans);
}

void check() {
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
}

// Timing.

struct Linear {
  const char* name;
  std::int64_t outputs, inputs;
  bool gated;
};
const Linear kQwen7B[] = {{"qkv", 4608, 3584, false},
                          {"o", 3584, 3584, false},
                          {"gate_up", 37888, 3584, true},
                          {"down", 3584, 18944, false},
                          {"head", 152064, 3584, false}};
constexpr int kLayers = 28;

/// Random memory for a weight, without packing one.
struct RandomWeight {
  compute::gpu::SegmentLayout layout;
  Buffer memory;
  WeightView view;

  RandomWeight(const WeightFormat& format, std::int64_t outputs, std::int64_t inputs)
      : layout(make_layout(format, outputs, inputs)),
        memory(static_cast<std::size_t>(layout.bytes)),
        view(compute::gpu::weight_view(layout, memory.get())) {
    static const std::vector<std::uint16_t> noise = [] {
      std::mt19937 random(5);
      std::vector<std::uint16_t> words(16 << 20);
      for (auto& word : words) word = static_cast<std::uint16_t>(random());
      return words;
    }();
    static const Buffer source(noise);
    static const Buffer scales = [] {
      std::vector<std::uint16_t> words = noise;
      for (auto& word : words) word = static_cast<std::uint16_t>((word & 0x83ffu) | 0x1c00u);
      return Buffer(words);
    }();
    for (std::size_t i = 0; i < compute::gpu::kWeightArrays; ++i) {
      const auto& array = layout.arrays[i];
      const std::int64_t bytes = array.bytes(outputs);
      const std::int64_t step = std::int64_t{32} << 20;
      for (std::int64_t at = 0; at < bytes; at += step) {
        CHECK(cudaMemcpy(memory.get() + array.offset + at, (i < 2 ? source : scales).get(),
                         std::min(step, bytes - at), cudaMemcpyDeviceToDevice));
      }
    }
  }
  static compute::gpu::SegmentLayout make_layout(const WeightFormat& format, std::int64_t outputs,
                                                 std::int64_t inputs) {
    const HostMatrix matrix{format, outputs, inputs};
    return compute::gpu::weight_layout(std::span(&matrix, 1)).at(0);
  }
};

struct Launch {
  const RandomWeight* weight;
  bool gated;
  QuantGemmPlan plan;
};

/// Everything a chain of launches needs besides weights.
struct Bed {
  Buffer codes{64 * 18944}, chunks{64 * 592 * 8}, y{std::size_t{64} * 152064 * 4},
      workspace{64 << 20};
  cudaStream_t stream{};

  Bed() {
    const Activations x = random_activations(64, 18944, 9);
    CHECK(cudaMemcpy(codes.get(), x.codes.data(), x.codes.size(), cudaMemcpyHostToDevice));
    CHECK(cudaMemcpy(chunks.get(), x.chunks.data(), x.chunks.size() * 8, cudaMemcpyHostToDevice));
    workspace.fill(0);
    CHECK(cudaStreamCreate(&stream));
  }

  void launch(const Launch& l, int rows, bool overlap) const {
    QuantGemmArgs args;
    args.weight = l.weight->view;
    args.codes = codes.get();
    args.chunks = reinterpret_cast<const ActivationChunk*>(chunks.get());
    args.y = y.get();
    args.y_stride = args.weight.outputs;
    args.rows = rows;
    args.output = l.gated ? QuantGemmOutput::kGateF16 : QuantGemmOutput::kF32;
    args.workspace = workspace.get();
    args.overlap = overlap;
    quant_gemm(args, l.plan, stream);
  }

  /// Microseconds of a chain, replayed as a graph; the median.
  double time(const std::vector<Launch>& chain, int rows, bool overlap, int repeats) const {
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    for (const Launch& l : chain) launch(l, rows, overlap);
    cudaGraph_t graph{};
    CHECK(cudaStreamEndCapture(stream, &graph));
    cudaGraphExec_t exec{};
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    cudaEvent_t begin{}, end{};
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    std::vector<float> times;
    for (int i = 0; i < repeats + 1; ++i) {
      CHECK(cudaEventRecord(begin, stream));
      CHECK(cudaGraphLaunch(exec, stream));
      CHECK(cudaEventRecord(end, stream));
      CHECK(cudaEventSynchronize(end));
      float ms = 0.0f;
      CHECK(cudaEventElapsedTime(&ms, begin, end));
      if (i > 0) times.push_back(ms);
    }
    CHECK(cudaGraphExecDestroy(exec));
    CHECK(cudaGraphDestroy(graph));
    std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
    return times[times.size() / 2] * 1000.0;
  }
};

double copy_bandwidth() {
  const std::size_t bytes = std::size_t{2} << 30;
  const Buffer from(bytes), to(bytes);
  from.fill(1);
  cudaEvent_t begin{}, end{};
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  float best = 1e9f;
  for (int i = 0; i < 6; ++i) {
    CHECK(cudaEventRecord(begin));
    CHECK(cudaMemcpyAsync(to.get(), from.get(), bytes, cudaMemcpyDeviceToDevice));
    CHECK(cudaEventRecord(end));
    CHECK(cudaEventSynchronize(end));
    float ms = 0.0f;
    CHECK(cudaEventElapsedTime(&ms, begin, end));
    best = std::min(best, ms);
  }
  return 2.0 * static_cast<double>(bytes) / best * 1e3;
}

/// As many of one matrix as make 400 MB, so that nothing stays in the cache from one to the next.
std::vector<RandomWeight> copies(const WeightFormat& format, const Linear& l) {
  std::vector<RandomWeight> weights;
  std::int64_t bytes = 0;
  while (weights.empty() || (bytes < (std::int64_t{400} << 20) && weights.size() < 28)) {
    weights.emplace_back(format, l.outputs, l.inputs);
    bytes += weights.back().layout.bytes;
  }
  return weights;
}

double time_one(const Bed& bed, const std::vector<RandomWeight>& weights, bool gated,
                const QuantGemmPlan& plan, int rows, bool overlap) {
  std::vector<Launch> chain;
  for (int i = 0; i < 28; ++i) chain.push_back({&weights[i % weights.size()], gated, plan});
  return bed.time(chain, rows, overlap, 5) / 28.0;
}

void print_line(const char* name, int rows, const QuantGemmPlan& plan, double us, double bytes,
                double bandwidth) {
  std::printf("%-10s rows %2d  plan %3d x %d x %d, %d stages  %8.2f us  %5.2f TB/s  %3.0f%%\n",
              name, rows, plan.workers, plan.depth_warps, plan.output_warps, plan.stages, us,
              bytes / us / 1e6, 100.0 * bytes / us * 1e6 / bandwidth);
}

void time_model(const std::vector<int>& rows_list) {
  const double bandwidth = copy_bandwidth();
  std::printf("copy: %.2f TB/s\n", bandwidth / 1e12);
  const Bed bed;
  std::vector<RandomWeight> weights;
  for (int layer = 0; layer < kLayers; ++layer) {
    for (int i = 0; i < 4; ++i)
      weights.emplace_back(affine(4), kQwen7B[i].outputs, kQwen7B[i].inputs);
  }
  weights.emplace_back(affine(4), kQwen7B[4].outputs, kQwen7B[4].inputs);
  for (const int rows : rows_list) {
    const auto plan = [&](int i) {
      const RandomWeight& w = i == 4 ? weights.back() : weights[i];
      return quant_gemm_plan(w.view, kQwen7B[i].gated, multiprocessors());
    };
    std::vector<Launch> step;
    double bytes = 0.0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const int l = i + 1 == weights.size() ? 4 : static_cast<int>(i % 4);
      step.push_back({&weights[i], kQwen7B[l].gated, plan(l)});
      bytes += static_cast<double>(weights[i].layout.bytes);
    }
    for (int l = 0; l < 5; ++l) {
      std::vector<Launch> chain;
      if (l == 4) {
        chain = {step.back(), step.back()};
      } else {
        for (int layer = 0; layer < kLayers; ++layer) chain.push_back(step[4 * layer + l]);
      }
      const double n = static_cast<double>(chain.size());
      print_line(kQwen7B[l].name, rows, chain[0].plan, bed.time(chain, rows, true, 10) / n,
                 static_cast<double>(chain[0].weight->layout.bytes), bandwidth);
    }
    const double plain = bed.time(step, rows, false, 10);
    const double overlapped = bed.time(step, rows, true, 10);
    std::printf("step, rows %d: %.0f us, %.0f us with overlap (%.0f%% of copy)\n", rows, plain,
                overlapped, 100.0 * bytes / overlapped * 1e6 / bandwidth);
  }
}

void time_plans(const std::vector<int>& rows_list) {
  const Bed bed;
  // Workers, warps along the inputs, warps along the outputs, stages.
  const std::vector<std::vector<QuantGemmPlan>> plans = {
      {{144, 7, 1, 1}, {264, 7, 1, 1}, {264, 4, 1, 1}},
      {{112, 7, 1, 2}},
      {{264, 2, 4, 2}},
      {{112, 8, 1, 2}, {264, 2, 4, 2}, {132, 2, 4, 2}, {132, 8, 1, 2}},
      {{264, 2, 4, 2}}};
  for (int l = 0; l < 5; ++l) {
    const auto weights = copies(affine(4), kQwen7B[l]);
    for (const int rows : rows_list) {
      for (const QuantGemmPlan& plan : plans[l]) {
        try {
          print_line(kQwen7B[l].name, rows, plan,
                     time_one(bed, weights, kQwen7B[l].gated, plan, rows, true),
                     static_cast<double>(weights[0].layout.bytes), 4.2e12);
        } catch (const std::exception& e) {
          cudaStreamEndCapture(bed.stream, nullptr);
          cudaGetLastError();
          std::printf("%s\n", e.what());
          return;
        }
      }
    }
  }
}

void time_formats() {
  const Bed bed;
  std::vector<WeightFormat> formats = {affine(8), affine(6), affine(5), affine(3), affine(2)};
  for (const GgmlType type : {GgmlType::kQ8_0, GgmlType::kQ4_0, GgmlType::kQ5_0, GgmlType::kQ2_K,
                              GgmlType::kQ3_K, GgmlType::kQ4_K, GgmlType::kQ5_K, GgmlType::kQ6_K,
                              GgmlType::kIQ4_NL, GgmlType::kIQ4_XS, GgmlType::kMXFP4}) {
    formats.push_back(WeightFormat::blocks(type));
  }
  for (const WeightFormat& format : formats) {
    const auto weights = copies(format, kQwen7B[2]);
    for (const int rows : {16, 64}) {
      const QuantGemmPlan plan = quant_gemm_plan(weights[0].view, true, multiprocessors());
      print_line(format.name().c_str(), rows, plan, time_one(bed, weights, true, plan, rows, true),
                 static_cast<double>(weights[0].layout.bytes), 4.2e12);
    }
  }
}

void profile(const std::vector<int>& rows_list) {
  const Bed bed;
  for (const int l : {0, 1, 2, 3}) {
    const RandomWeight weight(affine(4), kQwen7B[l].outputs, kQwen7B[l].inputs);
    for (const int rows : rows_list) {
      bed.launch({&weight, kQwen7B[l].gated,
                  quant_gemm_plan(weight.view, kQwen7B[l].gated, multiprocessors())},
                 rows, false);
      CHECK(cudaDeviceSynchronize());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "check";
  std::vector<int> rows;
  for (int i = 2; i < argc; ++i) rows.push_back(std::atoi(argv[i]));
  if (rows.empty()) rows = {16};
  if (what == "check") check();
  if (what == "check_few") check_few();
  if (what == "time") time_model(rows);
  if (what == "plans") time_plans(rows);
  if (what == "formats") time_formats();
  if (what == "profile") profile(rows);
  return failures == 0 ? 0 : 1;
}
