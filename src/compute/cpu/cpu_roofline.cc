// How fast the processor's threads read memory.
#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "compute/cpu/cpu_device.h"

namespace saccade::compute::cpu {
namespace {

using Clock = std::chrono::steady_clock;

// Larger than any cache, in pieces of a work item.
constexpr std::int64_t kBytes = std::int64_t{256} << 20;
constexpr std::int64_t kItemWords = std::int64_t{1} << 17;
constexpr std::int64_t kItems =
    kBytes / kItemWords / static_cast<std::int64_t>(sizeof(std::uint64_t));
constexpr int kRuns = 5;

/// All words together. Several at a time, so that a core waits for memory and for nothing else.
std::uint64_t mix(const std::uint64_t* words) {
  std::array<std::uint64_t, 16> lanes{};
  for (std::int64_t i = 0; i < kItemWords; i += 16) {
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) lanes[lane] ^= words[i + lane];
  }
  std::uint64_t all = 0;
  for (const std::uint64_t lane : lanes) all ^= lane;
  return all;
}

}  // namespace

Roofline CpuDevice::measure_roofline() {
  Roofline roofline = Device::measure_roofline();
  std::vector<std::uint64_t> words(kItems * kItemWords, 1);
  std::vector<std::uint64_t> mixed(kItems);  // so that no loop can be left out
  double best = 0.0;
  for (int run = 0; run < kRuns; ++run) {
    const Clock::time_point begin = Clock::now();
    threads_.parallel_for(
        kItems, [&](std::int64_t item) { mixed[item] = mix(words.data() + item * kItemWords); });
    const std::chrono::duration<double> time = Clock::now() - begin;
    best = std::max(best, static_cast<double>(kBytes) / time.count());
  }
  roofline.bytes_per_second = best;
  roofline.bandwidth = "reading of 256 MiB";
  return roofline;
}

}  // namespace saccade::compute::cpu
