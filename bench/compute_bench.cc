// Speed of the CPU kernels that a request spends its time in. Run with
//   cmake --preset release -DSACCADE_BENCH=ON && cmake --build build/release --target compute_bench
//   build/release/bin/compute_bench
// The counters are arithmetic and weight bytes a second.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "compute/cpu/cpu_device.h"
#include "random_weights.h"

namespace saccade::compute {
namespace {

Tensor random_tensor(Device& device, const Shape& shape) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(shape.elements());
  for (float& value : values) value = normal(generator);
  Tensor tensor = device.empty(DType::kF32, shape);
  device.upload(tensor, values.data());
  return tensor;
}

/// rows x inputs x outputs with bf16 weights, as in the layers of Qwen2.5-VL-3B.
void bench_linear(benchmark::State& state) {
  cpu::CpuDevice device({static_cast<int>(state.range(3)), {}});
  const std::int64_t rows = state.range(0), inputs = state.range(1), outputs = state.range(2);
  std::vector<std::uint16_t> weights(inputs * outputs, 0x3c12);
  const HostMatrix part = float_matrix(
      {DType::kBF16, {outputs, inputs}, reinterpret_cast<const std::byte*>(weights.data())});
  const auto weight = device.pack(std::span(&part, 1));
  const Tensor x = random_tensor(device, {rows, inputs});
  const Tensor y = device.empty(DType::kF32, {rows, outputs});
  for (auto _ : state) device.linear(y, x, *weight);
  const double products = static_cast<double>(rows) * static_cast<double>(inputs * outputs);
  using benchmark::Counter;
  state.counters["flop"] = Counter(2.0 * products, Counter::kIsIterationInvariantRate);
  state.counters["weight_bytes"] =
      Counter(static_cast<double>(weight->bytes()), Counter::kIsIterationInvariantRate);
}
BENCHMARK(bench_linear)
    ->ArgNames({"rows", "inputs", "outputs", "threads"})
    ->Args({1, 2048, 22016, 1})
    ->Args({1, 2048, 22016, 2})
    ->Args({16, 2048, 22016, 2})
    ->Args({512, 2048, 2560, 1})
    ->Args({512, 2048, 22016, 2})
    ->Args({1564, 1280, 3840, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// The same with quantized weights; format: 0 is Q4_0, 1 MLX's 4 bits in groups of 64.
void bench_quantized_linear(benchmark::State& state) {
  cpu::CpuDevice device({static_cast<int>(state.range(3)), {}});
  const std::int64_t rows = state.range(0), inputs = state.range(1), outputs = state.range(2);
  const WeightFormat format = state.range(4) == 0
                                  ? WeightFormat::blocks(GgmlType::kQ4_0)
                                  : WeightFormat{.kind = WeightFormat::Kind::kAffine,
                                                 .dtype = DType::kBF16,
                                                 .bits = 4,
                                                 .group_size = 64};
  const HostMatrix part = random_weights(format, outputs, inputs, 1);
  const auto weight = device.pack(std::span(&part, 1));
  const Tensor x = random_tensor(device, {rows, inputs});
  const Tensor y = device.empty(DType::kF32, {rows, outputs});
  for (auto _ : state) device.linear(y, x, *weight);
  const double products = static_cast<double>(rows) * static_cast<double>(inputs * outputs);
  using benchmark::Counter;
  state.counters["op"] = Counter(2.0 * products, Counter::kIsIterationInvariantRate);
  state.counters["weight_bytes"] =
      Counter(static_cast<double>(weight->bytes()), Counter::kIsIterationInvariantRate);
}
BENCHMARK(bench_quantized_linear)
    ->ArgNames({"rows", "inputs", "outputs", "threads", "format"})
    ->Args({512, 2048, 22016, 1, 0})
    ->ArgsProduct({{16, 512}, {2048}, {22016}, {2}, {0, 1}})
    ->ArgsProduct({{16, 512}, {11008}, {2048}, {2}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// One full-attention block of the tower: patches, 16 heads of 80.
void bench_attention_segments(benchmark::State& state) {
  cpu::CpuDevice device({static_cast<int>(state.range(1)), {}});
  const std::int64_t rows = state.range(0);
  constexpr int kHeads = 16, kHeadDim = 80;
  const Tensor qkv = random_tensor(device, {rows, 3 * kHeads * kHeadDim});
  const Tensor out = device.empty(DType::kF32, {rows, kHeads * kHeadDim});
  const std::int64_t width = kHeads * kHeadDim;
  const std::vector<std::int64_t> ends = {rows};
  for (auto _ : state) {
    device.attention_segments(out, qkv.view_columns(0, width), qkv.view_columns(width, width),
                              qkv.view_columns(2 * width, width), {kHeads, kHeads, kHeadDim, 0.1f},
                              ends);
  }
  const double pairs = static_cast<double>(rows) * static_cast<double>(rows);
  state.counters["flop"] = benchmark::Counter(4.0 * pairs * static_cast<double>(width),
                                              benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(bench_attention_segments)
    ->ArgNames({"rows", "threads"})
    ->Args({1564, 1})
    ->Args({1564, 2})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace saccade::compute
