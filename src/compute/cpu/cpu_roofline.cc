// What the processor's threads can do at best together.
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <vector>

#include "base/error.h"
#include "compute/cpu/cpu_device.h"
#include "compute/cpu/isa.h"
#include "compute/cpu/mapped_memory.h"
#include "compute/cpu/packed_matrix.h"

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
constexpr std::int64_t kItems = kBytes / kItemBytes;
// Of a machine its best is wanted, which others may be using.
constexpr int kRuns = 8;
// Of a moment what is usual in it, within a short time.
constexpr int kUpdateRuns = 5;

using Items = std::vector<const float*>;  // kItemFloats each

/// What counts of several runs.
enum class Of : std::uint8_t { kMachine, kMoment };

int runs_for(Of of) {
  return of == Of::kMachine ? kRuns : kUpdateRuns;
}

double rate_of(std::vector<double> rates, Of of) {
  std::ranges::sort(rates);
  return of == Of::kMachine ? rates.back() : rates[rates.size() / 2];
}

/// The largest of all numbers goes to `largest`, so that no loop can be left out.
double read_bandwidth(ThreadPool& threads, const Kernels& kernels, const Items& items, Of of,
                      float& largest) {
  std::vector<float> results(items.size());
  std::vector<double> rates(runs_for(of));
  for (double& rate : rates) {
    const Clock::time_point begin = Clock::now();
    threads.parallel_for(static_cast<std::int64_t>(items.size()), [&](std::int64_t item) {
      results[item] = kernels.peak.read(items[item], kItemFloats);
    });
    const auto bytes = static_cast<double>(items.size()) * kItemBytes;
    rate = bytes / seconds_since(begin);
  }
  largest = *std::ranges::max_element(results);
  return rate_of(std::move(rates), of);
}

double read_bandwidth(ThreadPool& threads, const Kernels& kernels) {
  const std::shared_ptr<void> memory = allocate_aligned(kBytes);
  Items items(kItems);
  for (std::int64_t i = 0; i < kItems; ++i) {
    items[i] = static_cast<const float*>(memory.get()) + i * kItemFloats;
  }
  threads.parallel_for(kItems, [&](std::int64_t i) {
    std::fill_n(static_cast<float*>(memory.get()) + i * kItemFloats, kItemFloats, 1.0f);
  });
  float largest = 0.0f;
  const double rate = read_bandwidth(threads, kernels, items, Of::kMachine, largest);
  if (largest != 1.0f) fail("reading memory: found other values");
  return rate;
}

/// Stretches of packed weights, kItems of them at most.
Items items_of(const std::vector<std::weak_ptr<const PackedMatrix>>& matrices) {
  Items items;
  for (const auto& weak : matrices) {
    const std::shared_ptr<const PackedMatrix> matrix = weak.lock();
    if (!matrix) continue;
    for (const PackedSegment& segment : matrix->segments()) {
      const auto* data = static_cast<const float*>(segment.data.get());
      for (std::int64_t end = kItemBytes; end <= segment.bytes(matrix->inputs());
           end += kItemBytes, data += kItemFloats) {
        if (std::ssize(items) < kItems) items.push_back(data);
      }
    }
  }
  return items;
}

/// Operations a second of one of PeakKernels on all threads.
double peak_rate(ThreadPool& threads, std::int64_t (*kernel)(std::int64_t, void*), Of of) {
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
  std::vector<double> rates(runs_for(of));
  for (double& rate : rates) rate = run(std::int64_t{8} * threads.num_threads(), rounds).first;
  return rate_of(std::move(rates), of);
}

/// The arithmetic of a processor's products.
Operations measure_peaks(ThreadPool& threads, const Kernels& kernels, Of of) {
  Operations peaks;
  peaks[Arithmetic::kF32] = peak_rate(threads, kernels.peak.f32, of);
  peaks[Arithmetic::kInt8] = peak_rate(threads, kernels.peak.int8, of);
  peaks[Arithmetic::kInt16] = peak_rate(threads, kernels.peak.int16, of);
  // A processor may have dot products of bf16 that are not used on it because they are slow: they
  // are in another instruction set then, which runs here all the same.
  for (const std::string& name : built_isas()) {
    if (!isa_runs_here(name) || kernels_for(name).peak.bf16 == nullptr) continue;
    peaks[Arithmetic::kBf16] = peak_rate(threads, kernels_for(name).peak.bf16, of);
    break;
  }
  return peaks;
}

}  // namespace

Roofline CpuDevice::measure_roofline() {
  Roofline roofline;
  roofline.bytes_per_second = read_bandwidth(threads_, kernels_);
  roofline.bandwidth =
      fmt::format("reading of {} MiB on {} threads", kBytes >> 20, threads_.num_threads());
  roofline.operations = measure_peaks(threads_, kernels_, Of::kMachine);
  roofline.products =
      fmt::format("{} from registers on {} threads", kernels_.name, threads_.num_threads());
  return roofline;
}

void CpuDevice::update_roofline(Roofline& roofline) {
  const Items items = items_of(packed_);
  if (std::ssize(items) == kItems) {
    float largest = 0.0f;
    roofline.bytes_per_second = read_bandwidth(threads_, kernels_, items, Of::kMoment, largest);
  }
  roofline.operations = measure_peaks(threads_, kernels_, Of::kMoment);
}

std::optional<Energy> CpuDevice::energy() {
  if (!energy_meter_) energy_meter_.emplace();
  return energy_meter_->read();
}

Arithmetic CpuDevice::attention_arithmetic(KvPrecision precision) const {
  switch (kv_codes(precision)) {
    case KvCodes::kFloat:
      return Arithmetic::kF32;
    case KvCodes::kInt16:
      return Arithmetic::kInt16;
    case KvCodes::kInt8:
      return Arithmetic::kInt8;
  }
  return Arithmetic::kF32;
}

Arithmetic CpuDevice::product_arithmetic(const Weight& w) const {
  const auto& segments = static_cast<const PackedMatrix&>(w).segments();
  if (!rounded_inputs_ || segments.empty()) return Arithmetic::kF32;
  if (segments[0].integer()) return Arithmetic::kInt8;
  const bool pairs = !segments[0].layout && segments[0].type == WeightType::kBF16Pairs;
  return pairs ? Arithmetic::kBf16 : Arithmetic::kF32;
}

}  // namespace saccade::compute::cpu
