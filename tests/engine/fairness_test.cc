// Who waits for whom, on a simulated clock: answers for others' pictures and prompts, long prompts
// for short ones, short ones for long ones, text for pictures and pictures for text.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/play.h"

namespace saccade::engine {
namespace {

/// An answer that goes on all the time, so that the pacer knows what steps cost.
Planned endless(std::int64_t tokens) {
  return {.tokens = {1, 2, 3}, .max_tokens = tokens, .ignore_end = true};
}

/// Milliseconds of a step of answers alone, each with so many tokens before it.
double idle_ms(const Costs& costs, std::int64_t answers, std::int64_t tokens) {
  return costs.step +
         static_cast<double>(answers) * (costs.row + costs.key * static_cast<double>(tokens));
}

/// The longest that an answer waited for its next token.
double longest_gap_ms(const Followed& one) {
  double longest = 0.0;
  for (std::size_t i = 1; i < one.token_ms.size(); ++i) {
    longest = std::max(longest, one.token_ms[i] - one.token_ms[i - 1]);
  }
  return longest;
}

TEST(Fairness, NoAnswerWaitsLongForOthersPicturesAndPrompts) {
  constexpr int kSchedules = 100;
  double longest = 0.0;
  for (int seed = 0; seed < kSchedules; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Plans random(seed);
    SimulationOptions options;
    options.max_slowdown = random.one_of<double>({0.5, 1.5, 3.0});
    options.num_pages = 2000;
    std::vector<Planned> plans = random.make(25, 1000);
    // By then the pacer has learnt.
    for (Planned& plan : plans) plan.arrival_ms += 500.0;
    plans.push_back(endless(300));
    Play play(options, plans);
    play.run();
    if (HasFatalFailure()) return;
    ASSERT_EQ(play.simulation().runner.scheduler().preemptions(), 0);
    const Costs& costs = options.costs;
    constexpr std::int64_t kMostTokens = 2500;
    const double idle = idle_ms(costs, play.most_answers(), kMostTokens);
    // What others get is as much as the pacer thinks it is, but for keys: the last tokens of a
    // prompt look at more of them than those it has learnt from.
    const double dearer = 1.0 + costs.key * kMostTokens / costs.row;
    const double indivisible = std::max(costs.tower_operation, 8 * costs.row * dearer);
    const double limit = idle * (1.0 + dearer * options.max_slowdown) + indivisible;
    for (const Followed& one : play.followed()) {
      EXPECT_LE(longest_gap_ms(one), limit);
      longest = std::max(longest, longest_gap_ms(one) / idle);
    }
  }
  // Others did get something.
  EXPECT_GT(longest, 1.5);
}

TEST(Fairness, ALongPromptIsReadWhileShortOnesComeAndGo) {
  SimulationOptions options;
  Plans random(1);
  std::vector<Planned> plans = {endless(500)};
  plans.push_back({.arrival_ms = 500.0, .tokens = random.tokens(3000), .max_tokens = 2});
  Play alone(options, plans);
  alone.run();
  for (int i = 0; i < 400; ++i) {
    plans.push_back({.arrival_ms = 15.0 * i, .tokens = random.tokens(8), .max_tokens = 3});
  }
  Play play(options, plans);
  play.run();
  const auto wait_of = [](const Play& of) {
    return std::ranges::find_if(of.followed(),
                                [](const Followed& one) { return one.plan.tokens.size() == 3000; })
        ->wait_ms();
  };
  EXPECT_LE(wait_of(play), 2.0 * wait_of(alone));
}

TEST(Fairness, AShortPromptDoesNotWaitForLongOnes) {
  SimulationOptions options;
  Plans random(2);
  std::vector<Planned> plans;
  for (int i = 0; i < 6; ++i) plans.push_back({.tokens = random.tokens(3000), .max_tokens = 2});
  plans.push_back({.arrival_ms = 100.0, .tokens = random.tokens(5), .max_tokens = 2});
  Play play(options, plans);
  play.run();
  const double step = idle_ms(options.costs, options.max_batch_tokens, 3000);
  EXPECT_LE(play.followed().back().wait_ms(), 2.0 * step);
  // Neither do those that came first for those that came after them.
  for (std::size_t i = 1; i < 6; ++i) {
    EXPECT_GE(play.followed()[i].token_ms.at(0), play.followed()[i - 1].token_ms.at(0));
  }
}

TEST(Fairness, TextDoesNotWaitForPicturesNorPicturesForText) {
  SimulationOptions options;
  Plans random(3);
  std::vector<Planned> plans;
  // Sizes of pictures go by their names: these are of the largest kind, and none comes twice.
  for (int i = 0; i < 20; ++i) {
    plans.push_back({.tokens = {1, 2}, .pictures = {6 + 7 * i}, .max_tokens = 2});
  }
  plans.push_back({.arrival_ms = 60.0, .tokens = random.tokens(5), .max_tokens = 2});
  Play pictures(options, plans);
  pictures.run();
  // A slice where nobody is answered (50 ms) with its last operation, and two steps.
  const double step = idle_ms(options.costs, options.max_batch_tokens, 100);
  EXPECT_LE(pictures.followed().back().wait_ms(),
            50.0 + options.costs.tower_operation + 2.0 * step);

  plans = {endless(500)};
  for (int i = 0; i < 400; ++i) {
    plans.push_back({.arrival_ms = 10.0 * i, .tokens = random.tokens(200), .max_tokens = 2});
  }
  plans.push_back({.arrival_ms = 1000.5, .tokens = {1}, .pictures = {6}, .max_tokens = 2});
  Play texts(options, plans);
  texts.run();
  const auto picture = std::ranges::find_if(
      texts.followed(), [](const Followed& one) { return !one.plan.pictures.empty(); });
  // Every other turn is the tower's: one slice for at most two steps with all they may have.
  const double idle = idle_ms(options.costs, texts.most_answers(), 500);
  const double tower = SimulatedModel::kMostPictureRows * options.costs.tower_operation;
  const double slices = tower / (options.max_slowdown * options.costs.step) + 1.0;
  EXPECT_LE(picture->wait_ms(),
            tower + (slices + 2.0) * 2.0 * (1.0 + 1.2 * options.max_slowdown) * idle);
}

}  // namespace
}  // namespace saccade::engine
