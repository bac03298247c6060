// Random schedules on a simulated clock: whatever comes, goes and shares, every request ends once
// with the answer it has alone, and memory and steps keep to their budgets.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/play.h"

namespace saccade::engine {
namespace {

constexpr int kSchedules = 600;

/// Tokens that a plan has at most, with its pictures and one that is about to come.
std::int64_t most_tokens_of(const Planned& plan) {
  return std::ssize(plan.tokens) + SimulatedModel::kMostPictureRows * std::ssize(plan.pictures) +
         plan.max_tokens + 2;
}

/// Pages for the longest of them alone.
int pages_for(const std::vector<Planned>& plans) {
  std::int64_t longest = 0;
  for (const Planned& plan : plans) longest = std::max(longest, most_tokens_of(plan));
  return static_cast<int>(longest / 64 + 1);
}

/// With so many steps asked for ahead.
class Schedules : public testing::TestWithParam<int> {};

TEST_P(Schedules, KeepTheirPromises) {
  std::int64_t preemptions = 0;
  int cancelled = 0;
  std::int64_t cached = 0;
  for (int seed = GetParam(); seed < kSchedules; seed += 3) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Plans random(seed);
    const std::vector<Planned> plans = random.make(2 + random.below(40), 600);
    SimulationOptions options;
    options.steps_ahead = GetParam();
    options.max_batch_tokens = random.one_of<std::int64_t>({1, 7, 64, 256});
    options.prefix_cache = random.below(4) != 0;
    options.vision_cache_bytes = random.one_of<std::int64_t>({0, 1000, 1 << 20});
    options.max_slowdown = random.one_of<double>({0.2, 1.5, 5.0});
    // Hardly room for the longest, or for a few, or for all.
    options.num_pages = pages_for(plans) * random.one_of<int>({1, 2, 3, 40});
    Play play(options, plans);
    play.run();
    if (HasFatalFailure()) return;
    EXPECT_LE(play.simulation().model.most_rows, options.max_batch_tokens);
    EXPECT_TRUE(play.simulation().all_pages_free());
    preemptions += play.simulation().runner.scheduler().preemptions();
    for (const Followed& one : play.followed()) {
      cancelled += one.result->finish_reason == FinishReason::kCancelled;
      cached += one.result->usage.cached_tokens;
    }
  }
  // All of this was tried.
  EXPECT_GT(preemptions, 50);
  EXPECT_GT(cancelled, 100);
  EXPECT_GT(cached, 10000);
}

/// Three that share a beginning, a picture and too little memory; each is cancelled at every point
/// of its life, and the other two answer all the same.
TEST_P(Schedules, AnyoneMayGoAtAnyPoint) {
  Plans random(1);
  const std::vector<std::int32_t> beginning = random.tokens(150);
  std::vector<Planned> plans(3);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    plans[i].arrival_ms = 30.0 * static_cast<double>(i);
    plans[i].tokens = beginning;
    plans[i].tokens.push_back(static_cast<std::int32_t>(i));
    plans[i].pictures = {6, static_cast<int>(i)};
    plans[i].max_tokens = 40;
    plans[i].ignore_end = true;
  }
  SimulationOptions options;
  options.steps_ahead = GetParam();
  options.max_batch_tokens = 32;
  options.num_pages = pages_for(plans) + 2;
  Play whole(options, plans);
  whole.run();
  const double end_ms = whole.simulation().ms();
  std::size_t tokens_seen = 0;
  for (std::size_t who = 0; who < plans.size(); ++who) {
    for (double ms = plans[who].arrival_ms; ms < end_ms; ms += 5.0) {
      SCOPED_TRACE(fmt::format("request {} cancelled at {} ms", who, ms));
      std::vector<Planned> cut = plans;
      cut[who].cancel_ms = ms;
      Play play(options, cut);
      play.run();
      if (HasFatalFailure()) return;
      EXPECT_TRUE(play.simulation().all_pages_free());
      tokens_seen += play.followed()[who].token_ms.size();
    }
  }
  EXPECT_GT(tokens_seen, 0u);
}

INSTANTIATE_TEST_SUITE_P(StepsAhead, Schedules, testing::Values(0, 1, 2));

}  // namespace
}  // namespace saccade::engine
