// Speed of the CPU's operations, on every instruction set that runs here. Run with
//   cmake --preset release -DSACCADE_BENCH=ON && cmake --build build/release --target compute_bench
//   build/release/bin/compute_bench --benchmark_filter='product/Q4_0/avx512_vnni'
// Names are operation/detail/instruction set/size/threads. The counters are a second's: `ops`
// counts multiplications and additions, as `saccade bench --roofline` counts its peaks, `bytes`
// what must be read and written. Attention: attention_bench.cc, decoding from memory:
// formats_bench.cc.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compute/cpu/cpu_device.h"
#include "compute/cpu/isa.h"
#include "random_weights.h"

namespace saccade::compute {
namespace {

using benchmark::Counter;
using benchmark::State;
using cpu::CpuDevice;

// The layers of Qwen2.5-VL-3B: its hidden size, and of its MLP the outputs that keep a run short.
constexpr std::int64_t kHidden = 2048;
constexpr std::int64_t kOutputs = 2048;
constexpr std::int64_t kPrefillRows = 512;

Tensor random_tensor(CpuDevice& device, const Shape& shape) {
  Tensor tensor = device.empty(DType::kF32, shape);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (std::int64_t i = 0; i < shape.elements(); ++i) tensor.data<float>()[i] = normal(random);
  return tensor;
}

HostMatrix make_matrix(const WeightFormat& format, std::int64_t outputs) {
  if (format.quantized()) return random_weights(format, outputs, kHidden, 1);
  auto storage = std::make_shared<Bytes>(outputs * kHidden * dtype_bytes(format.dtype));
  // Moderate numbers of the type, none of them subnormal.
  for (std::size_t i = 1; i < storage->size(); i += 2) (*storage)[i] = std::byte{0x3c};
  HostMatrix matrix{format, outputs, kHidden, storage->data()};
  matrix.storage = std::move(storage);
  return matrix;
}

void per_second(State& state, const char* name, double amount) {
  state.counters[name] = Counter(amount, Counter::kIsIterationInvariantRate);
}

void product(State& state, const std::string& isa, const WeightFormat& format,
             std::int64_t outputs) {
  CpuDevice device({static_cast<int>(state.range(1)), isa});
  const std::int64_t rows = state.range(0);
  const HostMatrix matrix = make_matrix(format, outputs);
  const auto weight = device.pack(std::span(&matrix, 1));
  const Tensor x = random_tensor(device, {rows, kHidden});
  const Tensor y = device.empty(DType::kF32, {rows, outputs});
  for (auto _ : state) device.linear(y, x, *weight);
  per_second(state, "ops", 2.0 * static_cast<double>(rows * kHidden * outputs));
  per_second(state, "bytes", static_cast<double>(weight->bytes()));
}

/// An operation on [512, 2048] floats, of which it reads and writes `passes` times as many.
using Operation = std::function<void(CpuDevice&, const Tensor& y, const Tensor& x)>;
void by_element(State& state, const std::string& isa, const Operation& operation, double passes) {
  CpuDevice device({static_cast<int>(state.range(0)), isa});
  const Tensor x = random_tensor(device, {kPrefillRows, kHidden});
  const Tensor y = random_tensor(device, {kPrefillRows, kHidden});
  for (auto _ : state) operation(device, y, x);
  per_second(state, "bytes", passes * 4.0 * static_cast<double>(kPrefillRows * kHidden));
}

/// Heads of 128, all by one angle: again and again, lengths stay what they are.
void rotary(State& state, const std::string& isa) {
  CpuDevice device({static_cast<int>(state.range(0)), isa});
  constexpr std::int64_t kHead = 128;
  const Tensor x = random_tensor(device, {kPrefillRows, kHidden});
  const Tensor cos = device.empty(DType::kF32, {kPrefillRows, kHead / 2});
  const Tensor sin = device.empty(DType::kF32, {kPrefillRows, kHead / 2});
  std::fill_n(cos.data<float>(), cos.shape().elements(), 0.8f);
  std::fill_n(sin.data<float>(), sin.shape().elements(), 0.6f);
  for (auto _ : state) device.rotary(x, cos, sin, kHead);
  per_second(state, "bytes", 2.0 * 4.0 * static_cast<double>(kPrefillRows * kHidden));
}

void add_products(const std::string& isa) {
  constexpr auto kAffine = WeightFormat::Kind::kAffine;
  std::vector<WeightFormat> formats = {
      WeightFormat::floating(DType::kBF16),
      WeightFormat::floating(DType::kF16),
      {.kind = kAffine, .dtype = DType::kBF16, .bits = 4, .group_size = 64},
      {.kind = kAffine, .dtype = DType::kBF16, .bits = 8, .group_size = 64}};
  for (const GgmlType type : {GgmlType::kQ4_0, GgmlType::kQ8_0, GgmlType::kQ2_K, GgmlType::kQ3_K,
                              GgmlType::kQ4_K, GgmlType::kQ5_K, GgmlType::kQ6_K}) {
    formats.push_back(WeightFormat::blocks(type));
  }
  for (const WeightFormat& format : formats) {
    benchmark::RegisterBenchmark(
        fmt::format("product/{}/{}", format.name(), isa).c_str(),
        [isa, format](State& state) { product(state, isa, format, kOutputs); })
        ->ArgNames({"rows", "threads"})
        ->Args({1, 1})
        ->Args({16, 1})
        ->Args({kPrefillRows, 1})
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }
  // With hardly an output what is left is the rounding of the inputs to bytes.
  benchmark::RegisterBenchmark(
      ("quantize_input/" + isa).c_str(),
      [isa](State& state) { product(state, isa, WeightFormat::blocks(GgmlType::kQ8_0), 16); })
      ->ArgNames({"rows", "threads"})
      ->Args({kPrefillRows, 1})
      ->UseRealTime();
}

void add_operations(const std::string& isa) {
  const auto add = [&](const std::string& name, double passes, Operation operation) {
    benchmark::RegisterBenchmark(fmt::format("{}/{}", name, isa).c_str(),
                                 [isa, passes, operation = std::move(operation)](State& state) {
                                   by_element(state, isa, operation, passes);
                                 })
        ->ArgName("threads")
        ->Arg(1)
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  };
  add("rms_norm", 2, [](CpuDevice& device, const Tensor& y, const Tensor& x) {
    device.rms_norm(y, x, x.view_rows(0, 1).view_as({kHidden}), 1e-6f);
  });
  add("layer_norm", 2, [](CpuDevice& device, const Tensor& y, const Tensor& x) {
    const Tensor weight = x.view_rows(0, 1).view_as({kHidden});
    device.layer_norm(y, x, weight, &weight, 1e-6f);
  });
  add("add", 3, [](CpuDevice& device, const Tensor& y, const Tensor& x) { device.add(y, x); });
  add("gate_silu", 1.5, [](CpuDevice& device, const Tensor& y, const Tensor& x) {
    device.gate(y.view_columns(0, kHidden / 2), x, Activation::kSilu);
  });
  // Gates and not activate(), which in place would end at numbers that are too small.
  add("gate_gelu_tanh", 1.5, [](CpuDevice& device, const Tensor& y, const Tensor& x) {
    device.gate(y.view_columns(0, kHidden / 2), x, Activation::kGeluTanh);
  });
  benchmark::RegisterBenchmark(("rotary/" + isa).c_str(),
                               [isa](State& state) { rotary(state, isa); })
      ->ArgName("threads")
      ->Arg(1)
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace
}  // namespace saccade::compute

int main(int argc, char** argv) {
  for (const std::string& isa : saccade::compute::cpu::built_isas()) {
    if (isa == "scalar" || !saccade::compute::cpu::isa_runs_here(isa)) continue;
    saccade::compute::add_products(isa);
    saccade::compute::add_operations(isa);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
