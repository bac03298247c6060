// Intervals and decisions.
#include "photos/eval/comparison.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "saccade/error.h"

namespace saccade::photos::eval {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Bootstrap, HoldsTheTruthAsOftenAsItSays) {
  // 300 samples of 40 values of a normal distribution: 95 % intervals of the mean should hold it in
  // 285 of them; the percentile interval is known to be a little narrow at such sizes. The numbers
  // are made here, so that the test is the same everywhere.
  constexpr int kSamples = 300;
  constexpr int kSize = 40;
  std::mt19937_64 random(7);
  const auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1.0p-53; };
  int held = 0;
  for (int i = 0; i < kSamples; ++i) {
    std::vector<double> values(kSize);
    for (double& value : values) {
      value = 5.0 + std::sqrt(-2.0 * std::log(uniform())) * std::cos(2.0 * M_PI * uniform());
    }
    const Interval interval =
        bootstrap(kSize,
                  [&](std::span<const std::size_t> sample) {
                    double sum = 0.0;
                    for (const std::size_t index : sample) sum += values[index];
                    return sum / kSize;
                  },
                  {.resamples = 500, .confidence = 0.95, .seed = static_cast<std::uint64_t>(i)});
    EXPECT_LT(interval.low, interval.estimate);
    EXPECT_GT(interval.high, interval.estimate);
    held += interval.low <= 5.0 && 5.0 <= interval.high ? 1 : 0;
  }
  EXPECT_GE(held, kSamples * 90 / 100);
  EXPECT_LE(held, kSamples * 98 / 100);
}

TEST(Bootstrap, GivesTheSameForTheSameSeed) {
  const auto statistic = [](std::span<const std::size_t> sample) {
    return static_cast<double>(sample.front());
  };
  const Interval once = bootstrap(100, statistic, {.seed = 3});
  const Interval again = bootstrap(100, statistic, {.seed = 3});
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
  EXPECT_EQ(once.estimate, 0.0);
  // The first of each sample is as likely any index.
  EXPECT_NEAR(once.low, 2.5, 2.0);
  EXPECT_NEAR(once.high, 96.5, 2.0);
}

TEST(Bootstrap, RefusesWhatMakesNoSense) {
  const auto zero = [](std::span<const std::size_t>) { return 0.0; };
  EXPECT_THROW(bootstrap(0, zero), Error);
  EXPECT_THROW(bootstrap(1, zero, {.resamples = 0}), Error);
  EXPECT_THROW(bootstrap(1, zero, {.confidence = 1.0}), Error);
}

TEST(Quantile, LiesBetweenItsNeighbours) {
  EXPECT_EQ(quantile({3.0, 1.0, 2.0}, 0.5), 2.0);
  EXPECT_EQ(quantile({1.0, 2.0}, 0.95), 1.95);
  EXPECT_EQ(quantile({7.0}, 0.95), 7.0);
  EXPECT_EQ(quantile({}, 0.5), 0.0);
}

TEST(Percent, IsOfTheSums) {
  const std::vector<Share> photos = {{2, 2}, {0, 6}};
  EXPECT_DOUBLE_EQ(percent(photos), 25.0);
  EXPECT_DOUBLE_EQ(percent(std::vector<Share>{{0, 0}}), 100.0);
}

/// `count` photos, of which each `every`-th is wrong.
PhotoShares wrong_each(int every, int count) {
  PhotoShares shares;
  for (int i = 0; i < count; ++i) shares.emplace_back(Share{i % every == 0 ? 0.0 : 1.0, 1.0});
  return shares;
}

std::string decision(const Duel& duel, double margin) {
  return decision_text(duel, "A", "B", "F1", margin, 0.95);
}

TEST(Compare, CountsWinsTiesAndLosses) {
  const PhotoShares a = {Share{1, 2}, Share{1, 1}, Share{0, 1}, std::nullopt, Share{1, 1}};
  const PhotoShares b = {Share{2, 2}, Share{2, 2}, Share{0, 1}, Share{1, 1}, Share{0, 1}};
  const Duel duel = compare(a, b, 3.0, {});
  EXPECT_EQ(duel.photos, 4);
  EXPECT_EQ(duel.wins, 1);
  EXPECT_EQ(duel.ties, 2);
  EXPECT_EQ(duel.losses, 1);
  EXPECT_DOUBLE_EQ(duel.difference.estimate, 100.0 * 4 / 6 - 100.0 * 3 / 5);
  EXPECT_EQ(duel.photo_differences.at(0), 50.0);
  EXPECT_FALSE(duel.photo_differences.at(3).has_value());
  EXPECT_EQ(duel.decision, Decision::kTooFewPhotos);
  EXPECT_THAT(decision(duel, 3.0), AllOf(StartsWith("Keep A for now"), HasSubstr("4 photos")));
  EXPECT_THROW(compare({std::nullopt}, {Share{}}, 3.0, {}), Error);
}

TEST(Compare, ReplacesOnlyWhatIsSurelyWorse) {
  const Duel better = compare(wrong_each(2, 200), wrong_each(10, 200), 3.0, {});
  EXPECT_EQ(better.decision, Decision::kReplace);
  EXPECT_GT(better.difference.low, 3.0);
  EXPECT_THAT(decision(better, 3.0),
              StartsWith("Replace A by B: the F1 of B is 40.0 points higher"));

  // Better by 6 points, but of 50 photos it may be chance.
  const PhotoShares a = wrong_each(5, 50);
  const Duel perhaps = compare(a, wrong_each(7, 50), 3.0, {});
  EXPECT_GT(perhaps.difference.estimate, 3.0);
  EXPECT_EQ(perhaps.decision, Decision::kKeep);
  EXPECT_THAT(decision(perhaps, 3.0), AllOf(StartsWith("Keep A: the F1 of B is"),
                                            HasSubstr("lower end is not over the margin of 3.0"),
                                            HasSubstr("More photos")));

  const Duel same = compare(a, a, 3.0, {});
  EXPECT_THAT(decision(same, 3.0), StartsWith("Keep A: the F1 of B is the same (95 % interval"));

  const Duel worse = compare(wrong_each(10, 200), wrong_each(2, 200), 3.0, {});
  EXPECT_EQ(worse.decision, Decision::kKeep);
  EXPECT_THAT(decision(worse, 3.0), AllOf(StartsWith("Keep A"), HasSubstr("40.0 points lower")));
}

TEST(Compare, IsPaired) {
  // Photos differ much, and the candidate is a little better on each: by pairs that is certain.
  PhotoShares a;
  PhotoShares b;
  for (int i = 0; i < 100; ++i) {
    const double score = i % 2 == 0 ? 0.1 : 0.9;
    a.emplace_back(Share{score, 1.0});
    b.emplace_back(Share{score + 0.05, 1.0});
  }
  const Duel duel = compare(a, b, 3.0, {});
  EXPECT_NEAR(duel.difference.low, 5.0, 1e-6);
  EXPECT_NEAR(duel.difference.high, 5.0, 1e-6);
  EXPECT_EQ(duel.decision, Decision::kReplace);
}

}  // namespace
}  // namespace saccade::photos::eval
