// What the processor's threads can do at best together.
#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cpu/isa.h"

namespace saccade::compute::cpu {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Larger than any cache: of 105 MB on the machine with the largest one so far. In large pages, as
// weights are.
constexpr std::int64_t kBytes = std::int64_t{512} << 20;
// A work item's, so long that its streams find their pace.
constexpr std::int64_t kItemBytes = std::int64_t{8} << 20;
constexpr std::int64_t kItemFloats = kItemBytes / static_cast<std::int64_t>(sizeof(float));
// The machine's best is wanted, and others may be using it.
constexpr int kRuns = 8;

double read_bandwidth(ThreadPool& threads, const Kernels& kernels) {
  const std::shared_ptr<void> memory = allocate_aligned(kBytes);
  auto* floats = static_cast<float*>(memory.get());
  constexpr std::int64_t kItems = kBytes / kItemBytes;
  std::array<float, kItems> results{};  // so that no loop can be left out
  threads.parallel_for(kItems, [&](std::int64_t item) {
    std::fill_n(floats + item * kItemFloats, kItemFloats, 1.0f);
  });
  double best = 0.0;
  for (int run = 0; run < kRuns; ++run) {
    const Clock::time_point begin = Clock::now();
    threads.parallel_for(kItems, [&](std::int64_t item) {
      results[item] = kernels.peak.read(floats + item * kItemFloats, kItemFloats);
    });
    best = std::max(best, static_cast<double>(kBytes) / seconds_since(begin));
  }
  if (std::ranges::count(results, 1.0f) != kItems) fail("reading memory: found other values");
  return best;
}

/// Operations a second of one of PeakKernels on all threads, the best of several runs.
double peak_rate(ThreadPool& threads, std::int64_t (*kernel)(std::int64_t, void*)) {
  const auto run = [&](std::int64_t items, std::int64_t rounds) {
    std::vector<std::int64_t> done(items);
    const Clock::time_point begin = Clock::now();
    threads.parallel_for(items, [&](std::int64_t item) {
      alignas(64) std::array<float, kPeakMemory / sizeof(float)> memory;
      memory.fill(0.001f);
      done[item] = kernel(rounds, memory.data());
    });
    double operations = 0.0;
    for (const std::int64_t count : done) operations += static_cast<double>(count);
    const double seconds = seconds_since(begin);
    return std::pair(operations / seconds, seconds);
  };
  // Items of a millisecond: long beside the start of a loop, short beside what disturbs it.
  constexpr double kSeconds = 1e-3;
  std::int64_t rounds = 1000;
  while (run(1, rounds).second < kSeconds) rounds *= 2;
  double best = 0.0;
  for (int i = 0; i < kRuns; ++i) {
    best = std::max(best, run(std::int64_t{8} * threads.num_threads(), rounds).first);
  }
  return best;
}

}  // namespace

Roofline CpuDevice::measure_roofline() {
  Roofline roofline;
  roofline.bytes_per_second = read_bandwidth(threads_, kernels_);
  roofline.bandwidth =
      fmt::format("reading of {} MiB on {} threads", kBytes >> 20, threads_.num_threads());
  roofline.operations[Arithmetic::kF32] = peak_rate(threads_, kernels_.peak.f32);
  roofline.operations[Arithmetic::kInt8] = peak_rate(threads_, kernels_.peak.int8);
  roofline.operations[Arithmetic::kInt16] = peak_rate(threads_, kernels_.peak.int16);
  // A processor may have dot products of bf16 that are not used on it because they are slow: they
  // are in another instruction set then, which runs here all the same.
  for (const std::string& name : built_isas()) {
    if (!isa_runs_here(name) || kernels_for(name).peak.bf16 == nullptr) continue;
    roofline.operations[Arithmetic::kBf16] = peak_rate(threads_, kernels_for(name).peak.bf16);
    break;
  }
  roofline.products =
      fmt::format("{} from registers on {} threads", kernels_.name, threads_.num_threads());
  return roofline;
}

std::optional<Energy> CpuDevice::energy() {
  if (!energy_meter_) energy_meter_.emplace();
  return energy_meter_->read();
}

Arithmetic CpuDevice::attention_arithmetic() const {
  return rounded_inputs_ ? Arithmetic::kInt16 : Arithmetic::kF32;
}

Arithmetic CpuDevice::product_arithmetic(const Weight& w) const {
  const auto& segments = static_cast<const PackedMatrix&>(w).segments();
  if (!rounded_inputs_ || segments.empty()) return Arithmetic::kF32;
  if (segments[0].integer()) return Arithmetic::kInt8;
  const bool pairs = !segments[0].layout && segments[0].type == WeightType::kBF16Pairs;
  return pairs ? Arithmetic::kBf16 : Arithmetic::kF32;
}

}  // namespace saccade::compute::cpu
