#include "compute/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace saccade::compute {
namespace {

using testing::ElementsAre;

std::map<std::int32_t, int> histogram(const SamplingParams& params, std::vector<float> logits,
                                      int draws = 20000) {
  Sampler sampler(params, 42, {});
  std::map<std::int32_t, int> counts;
  for (int i = 0; i < draws; ++i) {
    std::vector<float> copy = logits;
    ++counts[sampler.choose(copy)];
  }
  return counts;
}

std::vector<std::int32_t> support(const std::map<std::int32_t, int>& counts) {
  std::vector<std::int32_t> ids;
  for (const auto& [id, count] : counts) ids.push_back(id);
  return ids;
}

// Probabilities 0.4, 0.3, 0.2, 0.1 for the ids 2, 0, 3, 1.
const std::vector<float> kLogits = {std::log(0.3f), std::log(0.1f), std::log(0.4f), std::log(0.2f)};

TEST(Sampler, GreedyTakesTheLowestIdAmongEquals) {
  EXPECT_THAT(support(histogram({}, {1.0f, 3.0f, 3.0f}, 10)), ElementsAre(1));
}

TEST(Sampler, GreedyFindsTheFirstOfTheLargestAnywhere) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr int kSize = 5000;
  for (const int at : {0, 1, 1023, 1024, 4095, 4999}) {
    for (const float largest : {-0.5f, 0.0f, 2.0f}) {
      std::vector<float> logits(kSize, largest - 1.0f);
      logits[at] = largest;
      logits[kSize - 1] = largest;
      EXPECT_THAT(support(histogram({}, logits, 1)), ElementsAre(at)) << largest;
    }
  }
  std::vector<float> zeros(kSize, -kInfinity);
  zeros[3] = -0.0f;
  zeros[2000] = 0.0f;  // no larger than the one before
  EXPECT_THAT(support(histogram({}, zeros, 1)), ElementsAre(3));
}

TEST(Sampler, KnowsWhatIsNoFiniteNumber) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> logits(1000, -std::numeric_limits<float>::max());
  EXPECT_TRUE(all_finite(logits));
  for (const float bad : {kInfinity, -kInfinity, std::nanf(""), -std::nanf("")}) {
    for (const int at : {0, 500, 999}) {
      std::vector<float> with = logits;
      with[at] = bad;
      EXPECT_FALSE(all_finite(with)) << bad << " at " << at;
    }
  }
}

TEST(Sampler, DrawsInProportion) {
  const auto counts = histogram({.temperature = 1.0}, kLogits);
  EXPECT_NEAR(counts.at(2) / 20000.0, 0.4, 0.015);
  EXPECT_NEAR(counts.at(0) / 20000.0, 0.3, 0.015);
  EXPECT_NEAR(counts.at(3) / 20000.0, 0.2, 0.015);
  EXPECT_NEAR(counts.at(1) / 20000.0, 0.1, 0.015);
}

TEST(Sampler, TemperatureSharpens) {
  const auto counts = histogram({.temperature = 0.5}, kLogits);
  EXPECT_NEAR(counts.at(2) / 20000.0, 0.16 / 0.30, 0.015);
}

TEST(Sampler, Cuts) {
  EXPECT_THAT(support(histogram({.temperature = 1.0, .top_k = 2}, kLogits)), ElementsAre(0, 2));
  EXPECT_THAT(support(histogram({.temperature = 1.0, .top_p = 0.65}, kLogits)), ElementsAre(0, 2));
  EXPECT_THAT(support(histogram({.temperature = 1.0, .top_p = 0.75}, kLogits)),
              ElementsAre(0, 2, 3));
  EXPECT_THAT(support(histogram({.temperature = 1.0, .min_p = 0.6}, kLogits)), ElementsAre(0, 2));
  EXPECT_THAT(support(histogram({.temperature = 1.0, .top_p = 1e-9}, kLogits)), ElementsAre(2));
}

/// Of many tokens only the head is sorted; what is drawn must not show it.
TEST(Sampler, DrawsFromManyTokensAsFromASortedList) {
  constexpr std::int32_t kTokens = 5000;
  std::vector<float> logits(kTokens);
  for (std::int32_t id = 0; id < kTokens; ++id) {
    logits[id] = 6.0f * std::sin(static_cast<float>(id) * 0.37f);
  }
  std::vector<std::int32_t> order = largest_logits(logits, kTokens);
  ASSERT_EQ(order.size(), logits.size());
  for (const SamplingParams& params :
       {SamplingParams{.temperature = 1.5}, SamplingParams{.temperature = 0.7, .top_p = 0.9},
        SamplingParams{.temperature = 3.0, .min_p = 0.01},
        SamplingParams{.temperature = 20.0, .top_p = 0.999},
        SamplingParams{.temperature = 1.0, .top_k = 700}}) {
    Sampler sampler(params, 9, {});
    Random random(9);
    for (int draw = 0; draw < 200; ++draw) {
      // The definition, plainly.
      std::vector<double> weights;
      double total = 0.0, kept = 0.0;
      const std::size_t limit = params.top_k > 0 ? params.top_k : kTokens;
      for (std::size_t i = 0; i < limit; ++i) {
        const double below = static_cast<double>(logits[order[i]]) - logits[order[0]];
        weights.push_back(std::exp(below / params.temperature));
        total += weights.back();
      }
      std::size_t count = 0;
      while (count < weights.size() &&
             (count == 0 || (kept < params.top_p * total && weights[count] >= params.min_p))) {
        kept += weights[count++];
      }
      double target = random.uniform() * kept;
      std::size_t wanted = 0;
      while (wanted + 1 < count && (target -= weights[wanted]) >= 0) ++wanted;
      std::vector<float> copy = logits;
      EXPECT_EQ(sampler.choose(copy), order[wanted]);
    }
  }
}

TEST(Sampler, SameSeedSameTokens) {
  std::vector<std::int32_t> runs[3];
  for (int run = 0; run < 3; ++run) {
    Sampler sampler({.temperature = 1.0}, run == 2 ? 8 : 7, {});
    for (int i = 0; i < 50; ++i) {
      std::vector<float> copy = kLogits;
      runs[run].push_back(sampler.choose(copy));
    }
  }
  EXPECT_EQ(runs[0], runs[1]);
  EXPECT_NE(runs[0], runs[2]);
}

TEST(Sampler, RepetitionPenaltyCountsPromptAndAnswer) {
  const std::vector<std::int32_t> prompt = {0};
  Sampler sampler({.repetition_penalty = 2.0}, 1, prompt);
  std::vector<float> logits = {3.0f, 2.0f, -1.0f};
  EXPECT_EQ(sampler.choose(logits), 1);  // 3 / 2 is below 2
  logits = {3.0f, 2.0f, 1.4f};
  EXPECT_EQ(sampler.choose(logits), 0);  // 1.5, 1, 1.4
  logits = {-1.0f, -1.0f, -1.5f};
  EXPECT_EQ(sampler.choose(logits), 2);  // -2, -2, -1.5
  const std::vector<std::int32_t> forced = {3};
  sampler.note(forced);
  logits = {-9.0f, -9.0f, -9.0f, 3.0f, 2.0f};
  EXPECT_EQ(sampler.choose(logits), 4);
}

}  // namespace
}  // namespace saccade::compute
