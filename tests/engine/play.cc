#include "engine/play.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "patience.h"

namespace saccade::engine {
namespace {

constexpr int kMostIdleSteps = 100;
constexpr std::chrono::seconds kPatience = patience(std::chrono::seconds(30));

}  // namespace

Play::Play(const SimulationOptions& options, std::vector<Planned> plans) : simulation_(options) {
  for (Planned& plan : plans) followed_.push_back({std::move(plan)});
  std::ranges::stable_sort(followed_, {}, [](const Followed& one) { return one.plan.arrival_ms; });
}

void Play::run() {
  int idle_steps = 0;
  Clock::time_point last_progress = Clock::now();
  while (arrived_ < followed_.size() || !simulation_.runner.idle()) {
    if (simulation_.runner.idle()) {
      const double next = followed_[arrived_].plan.arrival_ms;
      simulation_.clock.advance(std::max(0.0, next - simulation_.ms()));
    }
    let_in();
    cancel();
    const double before = simulation_.ms();
    simulation_.runner.step();
    look();
    if (testing::Test::HasFatalFailure()) return;
    if (simulation_.ms() > before) {
      idle_steps = 0;
      last_progress = Clock::now();
    }
    // In no simulated time steps ahead are collected, and pictures made again on a real thread.
    ASSERT_TRUE(++idle_steps < kMostIdleSteps || Clock::now() < last_progress + kPatience)
        << "nothing goes on";
  }
  ASSERT_EQ(simulation_.model.errors, std::vector<std::string>());
  for (const Followed& one : followed_) ASSERT_TRUE(one.result) << "a request has no end";
}

void Play::let_in() {
  while (arrived_ < followed_.size() && followed_[arrived_].plan.arrival_ms <= simulation_.ms()) {
    Followed& one = followed_[arrived_++];
    SequenceInput input =
        simulation_.input(one.plan.tokens, one.plan.max_tokens, one.plan.pictures);
    input.priority = one.plan.priority;
    if (one.plan.ignore_end) input.end_tokens.clear();
    one.wanted = SimulatedModel::answer_to(input);
    one.sequence = simulation_.sequence(std::move(input));
    one.sequence->on_text = [&one](const std::string& piece) {
      EXPECT_FALSE(one.result) << "text after the end";
      one.text += piece;
    };
    simulation_.runner.add(one.sequence.get());
  }
}

void Play::cancel() {
  for (Followed& one : followed_) {
    if (!one.sequence || one.cancelled || !one.plan.cancel_ms) continue;
    if (*one.plan.cancel_ms > simulation_.ms()) continue;
    one.cancelled = true;
    one.sequence->cancel();
  }
}

void Play::look() {
  check_admissions();
  std::int64_t answers = 0;
  for (Followed& one : followed_) {
    if (!one.sequence) continue;
    const std::int64_t tokens = one.sequence->known() - one.sequence->prompt_tokens();
    ASSERT_LE(tokens - std::ssize(one.token_ms), 1) << "two tokens in one step";
    if (tokens > std::ssize(one.token_ms)) {
      one.token_ms.push_back(simulation_.ms());
      ++answers;
    }
    if (one.sequence->finished()) end(one);
  }
  most_answers_ = std::max(most_answers_, answers);
}

/// Nobody is let in before one that came earlier, or is of a higher priority.
void Play::check_admissions() {
  const auto before = [](const Followed& a, const Followed& b) {
    if (a.plan.priority != b.plan.priority) return a.plan.priority > b.plan.priority;
    return a.sequence->arrival < b.sequence->arrival;
  };
  const Followed* first_waiting = nullptr;
  for (const Followed& one : followed_) {
    if (!one.sequence || one.sequence->admitted || one.sequence->finished()) continue;
    if (!first_waiting || before(one, *first_waiting)) first_waiting = &one;
  }
  for (Followed& one : followed_) {
    if (!one.sequence) continue;
    const bool fresh = one.sequence->admitted && !one.admitted;
    one.admitted = one.sequence->admitted;
    if (fresh && first_waiting) {
      ASSERT_TRUE(before(one, *first_waiting)) << "let in out of turn";
    }
  }
}

void Play::end(Followed& one) {
  ASSERT_EQ(one.sequence->error(), "");
  one.result = one.sequence->take_result();
  const std::vector<std::int32_t>& tokens = one.result->token_ids;
  if (one.result->finish_reason == FinishReason::kCancelled) {
    ASSERT_TRUE(one.cancelled) << "cancelled by nobody";
    ASSERT_TRUE(std::ranges::equal(tokens, std::span(one.wanted).first(tokens.size())));
  } else {
    ASSERT_EQ(tokens, one.wanted);
  }
  ASSERT_EQ(one.text, one.result->text);
  one.sequence.reset();
}

int Plans::size(int most) {
  return 1 + static_cast<int>((most - 1) * std::pow(below(1001) / 1000.0, 4.0));
}

std::vector<std::int32_t> Plans::tokens(int count) {
  std::vector<std::int32_t> tokens(count);
  for (std::int32_t& token : tokens) token = below(SimulatedModel::kVocab);
  return tokens;
}

std::vector<Planned> Plans::make(int count, int most_tokens) {
  std::vector<std::vector<std::int32_t>> beginnings = {{}};
  for (int i = 0; i < 3; ++i) beginnings.push_back(tokens(size(most_tokens)));
  const int gap_ms = one_of<int>({1, 20, 200});
  std::vector<Planned> plans(count);
  double ms = 0.0;
  for (Planned& plan : plans) {
    ms += below(2 * gap_ms);
    plan.arrival_ms = ms;
    plan.tokens = one_of(beginnings);
    // Some part company inside of a page.
    if (below(2) == 0) plan.tokens.resize(below(static_cast<int>(plan.tokens.size()) + 1));
    // Others are alike but for their pictures.
    const std::vector<std::int32_t> rest = tokens(below(3) == 0 ? 0 : size(most_tokens));
    plan.tokens.insert(plan.tokens.end(), rest.begin(), rest.end());
    for (int left = below(4) - 1; left > 0; --left) plan.pictures.push_back(below(9));
    plan.max_tokens = size(500);
    plan.ignore_end = below(2) == 0;
    plan.priority = std::max(0, below(5) - 2);
    if (below(6) == 0) plan.cancel_ms = ms + size(4000);
  }
  return plans;
}

}  // namespace saccade::engine
