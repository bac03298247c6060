// Speed of attention on the CPU. Run with
//   cmake --preset release -DSACCADE_BENCH=ON
//   cmake --build build/release --target attention_bench
//   build/release/bin/attention_bench
// The counters are arithmetic (a query-key product and a weighted value are 4 head_dim operations)
// and bytes of keys and values a second. `bits` is 16 or 8 as `--kv-bits` has them, 32 where
// requests ask for f32.
#include <benchmark/benchmark.h>

#include <numeric>
#include <random>
#include <vector>

#include "compute/cpu/cpu_device.h"

namespace saccade::compute {
namespace {

using benchmark::Counter;

Tensor random_tensor(Device& device, const Shape& shape) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(shape.elements());
  for (float& value : values) value = normal(generator);
  Tensor tensor = device.empty(DType::kF32, shape);
  device.upload(tensor, values.data());
  return tensor;
}

/// A device with this many threads whose queries, keys and values are of so many bits.
cpu::CpuDevice device_of(std::int64_t threads, std::int64_t bits) {
  return cpu::CpuDevice({static_cast<int>(threads), {}, bits != 32});
}

void count_operations(benchmark::State& state, const Work& work) {
  double operations = 0.0;
  for (const Arithmetic arithmetic : kAllArithmetics) operations += work.operations[arithmetic];
  state.counters["operations"] = Counter(operations, Counter::kIsIterationInvariantRate);
}

/// Sequences of one length in a cache of one layer, as in Qwen2.5-VL-3B: 16 query heads of 128
/// share 2 key-value heads.
class Sequences {
 public:
  static constexpr AttentionShape kShape{16, 2, 128, 0.0884f};

  Sequences(Device& device, std::int64_t count, std::int64_t tokens, std::int64_t bits)
      : device_(device), pages_((tokens + 63) / 64) {
    KvLayout layout{1, kShape.num_kv_heads, kShape.head_dim};
    if (bits == 8) layout.precision = KvPrecision::kInt8;
    cache_ = device.make_kv_cache(layout, static_cast<int>(count * pages_));
    page_ids_.resize(count * pages_);
    std::iota(page_ids_.begin(), page_ids_.end(), 0);
    const Tensor kv = random_tensor(device, {tokens, kShape.num_kv_heads * kShape.head_dim});
    for (std::int64_t i = 0; i < count; ++i) {
      device.write_kv(*cache_, 0, kv, kv, *table({{0, tokens, 0, pages_of(i)}}));
    }
  }

  std::span<const std::int32_t> pages_of(std::int64_t sequence) const {
    return std::span(page_ids_).subspan(sequence * pages_, pages_);
  }
  std::unique_ptr<SpanTable> table(const std::vector<SequenceSpan>& spans) const {
    auto table = device_.make_span_table(0, 0);
    table->assign(spans);
    return table;
  }
  const KvCache& cache() const { return *cache_; }

 private:
  Device& device_;
  std::int64_t pages_;
  std::unique_ptr<KvCache> cache_;
  std::vector<std::int32_t> page_ids_;
};

void run_paged(benchmark::State& state, Device& device, const Sequences& sequences,
               const std::vector<SequenceSpan>& spans) {
  const auto& shape = Sequences::kShape;
  const auto table = sequences.table(spans);
  const std::int64_t rows = spans.back().row + spans.back().count;
  const Tensor q = random_tensor(device, {rows, shape.num_heads * shape.head_dim});
  const Tensor out = device.empty(DType::kF32, q.shape());
  Work work;
  device.count_work(&work);
  device.attention_paged(out, q, sequences.cache(), 0, shape, *table);
  device.count_work(nullptr);
  for (auto _ : state) device.attention_paged(out, q, sequences.cache(), 0, shape, *table);
  count_operations(state, work);
  state.counters["kv_bytes"] = Counter(work.kv_bytes, Counter::kIsIterationInvariantRate);
}

/// The last 512 tokens of a prompt.
void bench_prefill(benchmark::State& state) {
  const std::int64_t tokens = state.range(0);
  cpu::CpuDevice device = device_of(state.range(1), state.range(2));
  const Sequences sequences(device, 1, tokens, state.range(2));
  run_paged(state, device, sequences, {{0, 512, tokens - 512, sequences.pages_of(0)}});
}
BENCHMARK(bench_prefill)
    ->ArgNames({"tokens", "threads", "bits"})
    ->ArgsProduct({{512, 4096}, {2}, {32, 16, 8}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// One token of each sequence.
void bench_decode(benchmark::State& state) {
  const std::int64_t count = state.range(0), tokens = state.range(1);
  cpu::CpuDevice device = device_of(2, state.range(2));
  const Sequences sequences(device, count, tokens, state.range(2));
  std::vector<SequenceSpan> spans;
  for (std::int64_t i = 0; i < count; ++i) {
    spans.push_back({i, 1, tokens - 1, sequences.pages_of(i)});
  }
  run_paged(state, device, sequences, spans);
}
BENCHMARK(bench_decode)
    ->ArgNames({"sequences", "tokens", "bits"})
    ->ArgsProduct({{1, 16}, {4096}, {32, 16, 8}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// A block of Qwen2.5-VL's tower, 16 heads of 80: all patches in one segment, or in windows of 64.
void bench_tower(benchmark::State& state) {
  const std::int64_t rows = state.range(0), window = state.range(1);
  cpu::CpuDevice device = device_of(2, state.range(2));
  constexpr AttentionShape kShape{16, 16, 80, 0.1118f};
  constexpr std::int64_t kWidth = std::int64_t{kShape.num_heads} * kShape.head_dim;
  const Tensor qkv = random_tensor(device, {rows, 3 * kWidth});
  const Tensor out = device.empty(DType::kF32, {rows, kWidth});
  std::vector<std::int64_t> ends;
  for (std::int64_t end = window; end < rows; end += window) ends.push_back(end);
  ends.push_back(rows);
  Work work;
  const auto attend = [&] {
    device.attention_segments(out, qkv.view_columns(0, kWidth), qkv.view_columns(kWidth, kWidth),
                              qkv.view_columns(2 * kWidth, kWidth), kShape, ends);
  };
  device.count_work(&work);
  attend();
  device.count_work(nullptr);
  for (auto _ : state) attend();
  count_operations(state, work);
}
BENCHMARK(bench_tower)
    ->ArgNames({"patches", "window", "bits"})
    ->ArgsProduct({{1564}, {64, 1564}, {32, 16}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace saccade::compute
