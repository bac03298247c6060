// Sampling on the device against compute::Sampler, and its draws against exact distributions.
#include <gmock/gmock.h>

#include <map>
#include <numeric>

#include "compute/sampler.h"
#include "kernel_testing.h"

namespace saccade::compute::gpu {
namespace {

using saccade::gpu::sample_shared_bytes;
using saccade::gpu::SampleState;

SampleState state_of(const SamplingParams& p, u64 seed) {
  return {.temperature = static_cast<float>(p.temperature),
          .top_p = static_cast<float>(p.top_p),
          .min_p = static_cast<float>(p.min_p),
          .repetition_penalty = static_cast<float>(p.repetition_penalty),
          .top_k = static_cast<u32>(p.top_k),
          .unused = 0,
          .random = seed,
          .seen = nullptr,
          .allowed = nullptr};
}

struct Bits {
  std::vector<u32> words;
  Bits(std::int64_t vocab, const std::vector<i32>& ids) : words((vocab + 31) / 32) {
    for (const i32 id : ids) words[id / 32] |= 1u << (id % 32);
  }
};

/// One call of the kernel for all rows of `logits`.
std::vector<i32> sample(HostExecutor& executor, Rows<float>& logits, std::int64_t vocab,
                        std::vector<SampleState>& states, u32 threads = 128) {
  std::vector<i32> ids(states.size(), -2);
  executor.run<Kernel::sample>({.x = static_cast<u32>(states.size()),
                                .threads = threads,
                                .shared_bytes = sample_shared_bytes(threads)},
                               {.logits = logits.data(),
                                .states = states.data(),
                                .ids = ids.data(),
                                .stride = logits.stride(),
                                .vocab = static_cast<u32>(vocab)});
  return ids;
}

std::vector<i32> sample(const Matrix& logits, std::int64_t vocab, std::vector<SampleState>& states,
                        u32 threads = 128) {
  Rows<float> rows(logits, vocab, vocab + 3);
  HostExecutor executor;
  return sample(executor, rows, vocab, states, threads);
}

/// Logits with a few near the top, and with equals if `step` is not 0.
Matrix some_logits(std::int64_t vocab, unsigned seed, float step = 0.0f) {
  Matrix logits = random_matrix(vocab, seed, 3.0f);
  for (float& logit : logits) {
    if (step > 0) logit = std::round(logit / step) * step;
  }
  return logits;
}

TEST(SampleTest, GreedyTakesTheFirstOfTheLargest) {
  for (const std::int64_t vocab : {1, 31, 1000, 5003}) {
    const Matrix logits = some_logits(vocab, 1, 1.0f);
    std::vector<SampleState> states = {state_of({}, 1)};
    for (const u32 threads : {32u, 128u, 1024u}) {
      const auto wanted = std::max_element(logits.begin(), logits.end()) - logits.begin();
      EXPECT_EQ(sample(logits, vocab, states, threads), (std::vector<i32>{i32(wanted)}));
      EXPECT_EQ(states[0].random, 1u) << "greedy choices draw nothing";
    }
  }
}

TEST(SampleTest, GreedyWithPenaltyMatchesTheSampler) {
  constexpr std::int64_t kVocab = 300;
  for (unsigned seed = 0; seed < 5; ++seed) {
    const std::vector<i32> prompt = {3, 77, 299, 31, 32};
    const SamplingParams params = {.repetition_penalty = 1.7};
    Sampler sampler(params, 0, prompt);
    Bits seen(kVocab, prompt);
    std::vector<SampleState> states = {state_of(params, 0)};
    states[0].seen = seen.words.data();
    // The same logits again and again: the penalty drives it through them.
    for (int step = 0; step < 8; ++step) {
      const Matrix logits = some_logits(kVocab, seed);
      Matrix for_sampler = logits;
      EXPECT_EQ(sample(logits, kVocab, states)[0], sampler.choose(for_sampler));
    }
  }
}

TEST(SampleTest, MasksForbid) {
  constexpr std::int64_t kVocab = 100;
  const Matrix logits = some_logits(kVocab, 1);
  const Bits allowed(kVocab, {5, 64, 99});
  const Bits nothing(kVocab, {});
  std::vector<SampleState> states(200, state_of({.temperature = 3.0, .top_p = 0.999}, 0));
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i].random = i;
    states[i].allowed = allowed.words.data();
  }
  states[7].allowed = nothing.words.data();
  Matrix all;
  for (std::size_t i = 0; i < states.size(); ++i)
    all.insert(all.end(), logits.begin(), logits.end());
  const std::vector<i32> ids = sample(all, kVocab, states);
  EXPECT_EQ(ids[7], -1);
  std::map<i32, int> counts;
  for (const i32 id : ids) ++counts[id];
  EXPECT_EQ(counts.size(), 4u);
  EXPECT_TRUE(counts[5] > 0 && counts[64] > 0 && counts[99] > 0);
  std::vector<SampleState> greedy = {state_of({}, 0)};
  greedy[0].allowed = allowed.words.data();
  const i32 best = logits[5] > logits[64] ? 5 : 64;
  EXPECT_EQ(sample(logits, kVocab, greedy)[0], logits[99] > logits[best] ? 99 : best);
}

TEST(SampleTest, LogitsThatAreNotFiniteGiveNoToken) {
  for (const float strange :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    for (const double temperature : {0.0, 1.0}) {
      Matrix logits = some_logits(1000, 1);
      logits[777] = strange;
      std::vector<SampleState> states = {state_of({.temperature = temperature}, 0)};
      EXPECT_EQ(sample(logits, 1000, states), (std::vector<i32>{-1}));
    }
  }
}

/// The probabilities that Sampler draws by.
std::vector<double> distribution(const Matrix& logits, const SamplingParams& p) {
  std::vector<std::size_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(),
                   [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  if (p.top_k > 0) ids.resize(std::min<std::size_t>(ids.size(), p.top_k));
  std::vector<double> weights;
  double total = 0.0;
  for (const std::size_t id : ids) {
    weights.push_back(std::exp((logits[id] - logits[ids[0]]) / p.temperature));
    total += weights.back();
  }
  std::vector<double> result(logits.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && (sum >= p.top_p * total || weights[i] < p.min_p)) break;
    sum += weights[i];
    result[ids[i]] = weights[i];
  }
  for (double& share : result) share /= sum;
  return result;
}

void expect_drawn(const Matrix& logits, const SamplingParams& params, int draws, u32 threads) {
  const auto vocab = static_cast<std::int64_t>(logits.size());
  const std::vector<double> wanted = distribution(logits, params);
  std::vector<SampleState> states;
  for (int i = 0; i < draws; ++i) states.push_back(state_of(params, 1000003u * i));
  std::vector<int> counts(vocab);
  Matrix all;
  for (int i = 0; i < draws; ++i) all.insert(all.end(), logits.begin(), logits.end());
  for (const i32 id : sample(all, vocab, states, threads)) {
    ASSERT_TRUE(id >= 0 && id < vocab);
    ++counts[id];
  }
  for (std::int64_t id = 0; id < vocab; ++id) {
    if (wanted[id] == 0.0) {
      ASSERT_EQ(counts[id], 0) << "token " << id << " is cut off";
      continue;
    }
    const double mean = wanted[id] * draws;
    ASSERT_NEAR(counts[id], mean, 5.0 * std::sqrt(mean) + 3.0) << "token " << id;
    // What is likely must come.
    if (mean > 20) {
      ASSERT_GT(counts[id], 0);
    }
  }
}

TEST(SampleTest, DrawsByTheSamplersDistribution) {
  constexpr int kDraws = 400;
  for (const float step : {0.0f, 2.0f}) {
    const Matrix logits = some_logits(50, 3, step);
    for (const SamplingParams& params :
         {SamplingParams{.temperature = 1.0},
          {.temperature = 0.5, .top_k = 7},
          {.temperature = 2.0, .top_p = 0.7},
          {.temperature = 1.5, .min_p = 0.05},
          {.temperature = 3.0, .top_p = 0.9, .top_k = 20, .min_p = 0.01},
          {.temperature = 5.0, .top_p = 0.05},
          {.temperature = 1.0, .top_k = 1}}) {
      expect_drawn(logits, params, kDraws, 32);
    }
  }
}

TEST(SampleTest, CutsEqualsByTheirIds) {
  // All the same: only ids part them.
  const Matrix logits(3000, 1.25f);
  expect_drawn(logits, {.temperature = 1.0, .top_k = 5}, 100, 128);
  expect_drawn(logits, {.temperature = 1.0, .top_p = 0.5, .top_k = 40}, 100, 128);
  std::vector<SampleState> states;
  for (int i = 0; i < 100; ++i) {
    states.push_back(state_of({.temperature = 1.0, .top_p = 0.25}, 77u * i));
  }
  Matrix all;
  for (int i = 0; i < 100; ++i) all.insert(all.end(), logits.begin(), logits.end());
  i32 largest = 0;
  for (const i32 id : sample(all, 3000, states, 128)) largest = std::max(largest, id);
  EXPECT_LT(largest, 750);
  EXPECT_GT(largest, 600);
}

TEST(SampleTest, LargeVocabulariesAndAllThreads) {
  constexpr std::int64_t kVocab = 151936;
  const Matrix logits = some_logits(kVocab, 5);
  for (const SamplingParams& params :
       {SamplingParams{.temperature = 0.3, .top_p = 0.8, .top_k = 20},
        {.temperature = 0.3, .top_p = 0.5},
        {.temperature = 0.7}}) {
    const std::vector<double> wanted = distribution(logits, params);
    std::vector<SampleState> states = {state_of(params, 1)};
    const u64 before = states[0].random;
    const i32 id = sample(logits, kVocab, states, 1024)[0];
    ASSERT_GE(id, 0);
    EXPECT_GT(wanted[id], 0.0);
    EXPECT_NE(states[0].random, before);
  }
}

TEST(SampleTest, SameStateSameTokensInAnyOrderOfThreads) {
  constexpr std::int64_t kVocab = 500;
  const Matrix logits = random_matrix(6 * kVocab, 5, 3.0f);
  on_all_executors([&](HostExecutor& executor) {
    Rows<float> rows(logits, kVocab);
    std::vector<SampleState> states(
        6, state_of({.temperature = 2.0, .top_p = 0.9, .top_k = 100, .min_p = 0.001}, 42));
    const std::vector<i32> ids = sample(executor, rows, kVocab, states);
    return Matrix(ids.begin(), ids.end());
  });
}

TEST(SampleTest, RandomBitsAreThoseOfTheEngine) {
  // One token of two halves: the high bit of each draw.
  std::vector<SampleState> states = {state_of({.temperature = 1.0}, 9)};
  Random random(9);
  for (int i = 0; i < 64; ++i) {
    const i32 id = sample({0.0f, 0.0f}, 2, states, 32)[0];
    EXPECT_EQ(id, random.uniform() < 0.5 ? 0 : 1);
  }
}

}  // namespace
}  // namespace saccade::compute::gpu
