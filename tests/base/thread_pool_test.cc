#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "base/error.h"

namespace saccade {
namespace {

TEST(ThreadPool, RunsEveryIndexOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<std::atomic<int>> hits(round);
      pool.parallel_for(round, [&](std::int64_t i) { hits[i].fetch_add(1); });
      for (const auto& hit : hits) ASSERT_EQ(hit.load(), 1);
    }
  }
}

TEST(ThreadPool, WakesSleepers) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<int> sum{0};
    pool.parallel_for(100, [&](std::int64_t i) { sum += static_cast<int>(i); });
    EXPECT_EQ(sum, 4950);
  }
}

// More threads than cores: workers come late, to loops that are over and to new ones.
TEST(ThreadPool, PoolsBesideOneAnotherRunEveryIndexOnce) {
  constexpr int kPools = 4, kRounds = 5000, kMost = 60;
  const auto run = [](int seed) {
    ThreadPool pool(3);
    std::vector<int> hits(kMost);  // not atomic: each index is one thread's
    for (int round = 0; round < kRounds; ++round) {
      const int count = 2 + (7 * round + seed) % (kMost - 2);
      pool.parallel_for(count, [&](std::int64_t i) { ++hits[i]; });
      for (int i = 0; i < kMost; ++i) ASSERT_EQ(hits[i], i < count ? 1 : 0);
      std::ranges::fill(hits, 0);
    }
  };
  std::vector<std::jthread> threads;
  for (int seed = 0; seed < kPools; ++seed) threads.emplace_back(run, seed);
}

TEST(ThreadPool, PassesOnAnExceptionAndGoesOn) {
  ThreadPool pool(2);
  EXPECT_THROW(pool.parallel_for(50,
                                 [](std::int64_t i) {
                                   if (i == 7) throw std::runtime_error("seven");
                                 }),
               std::runtime_error);
  std::atomic<int> count{0};
  pool.parallel_for(10, [&](std::int64_t) { ++count; });
  EXPECT_EQ(count, 10);
}

TEST(ThreadPool, RunsEverySliceOfEveryRangeOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (int slices = 0; slices < 40; ++slices) {
      std::vector<std::atomic<int>> hits(threads * slices);
      pool.parallel_ranges(slices, [&](std::int64_t range, std::int64_t slice) {
        hits[range * slices + slice].fetch_add(1);
      });
      for (const auto& hit : hits) ASSERT_EQ(hit.load(), 1);
    }
  }
}

TEST(ThreadPool, HelpsWithTheRangesOfSlowerThreads) {
  constexpr int kSlices = 20;
  ThreadPool pool(2);
  std::atomic<int> others{0};
  // Whoever has slice 0 of range 0 keeps it until the other one has done all that is left.
  pool.parallel_ranges(kSlices, [&](std::int64_t range, std::int64_t slice) {
    if (range != 0 || slice != 0) {
      ++others;
      return;
    }
    while (others < 2 * kSlices - 1) std::this_thread::yield();
  });
  EXPECT_EQ(others, 2 * kSlices - 1);
}

TEST(ThreadPool, RefusesNonsense) {
  EXPECT_THROW(ThreadPool(0), Error);
}

}  // namespace
}  // namespace saccade
