// Random schedules on a simulated clock: whatever comes, goes and shares, every request ends once
// with the answer it has alone, memory and steps keep to their budgets, and nobody waits too long.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "engine/simulation.h"

namespace saccade::engine {
namespace {

constexpr int kSchedules = 300;

/// A request of a schedule.
struct Planned {
  double arrival_ms = 0.0;
  std::vector<std::int32_t> tokens;
  std::vector<int> pictures;
  std::int64_t max_tokens = 1;
  int priority = 0;
  std::optional<double> cancel_ms;  ///< when, if it is
};

/// What became of it.
struct Followed {
  Planned plan;
  std::unique_ptr<Sequence> sequence;
  std::vector<std::int32_t> wanted;  // its answer alone
  std::string text;
  std::vector<double> token_ms;  // when each token came
  bool admitted = false;
  bool cancelled = false;
  std::optional<Result> result;
};

/// Plays a schedule and looks at everything after each step.
class Play {
 public:
  Play(const SimulationOptions& options, std::vector<Planned> plans) : simulation_(options) {
    for (Planned& plan : plans) followed_.push_back({std::move(plan)});
    std::ranges::stable_sort(followed_, {},
                             [](const Followed& one) { return one.plan.arrival_ms; });
  }

  void run() {
    int idle_steps = 0;
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
      // Whoever can do something does.
      idle_steps = simulation_.ms() > before ? 0 : idle_steps + 1;
      ASSERT_LT(idle_steps, 3) << "nothing goes on";
    }
    ASSERT_EQ(simulation_.model.errors, std::vector<std::string>());
    for (const Followed& one : followed_) ASSERT_TRUE(one.result) << "a request never ended";
  }

  Simulation& simulation() { return simulation_; }
  const std::vector<Followed>& followed() const { return followed_; }

 private:
  void let_in() {
    while (arrived_ < followed_.size() && followed_[arrived_].plan.arrival_ms <= simulation_.ms()) {
      Followed& one = followed_[arrived_++];
      SequenceInput input =
          simulation_.input(one.plan.tokens, one.plan.max_tokens, one.plan.pictures);
      input.priority = one.plan.priority;
      one.wanted = SimulatedModel::answer_to(input.prompt, input.pictures, one.plan.max_tokens);
      one.sequence = simulation_.sequence(std::move(input));
      one.sequence->on_text = [&one](const std::string& piece) {
        EXPECT_FALSE(one.result) << "text after the end";
        one.text += piece;
      };
      simulation_.runner.add(one.sequence.get());
    }
  }

  void cancel() {
    for (Followed& one : followed_) {
      if (!one.sequence || one.cancelled || !one.plan.cancel_ms) continue;
      if (*one.plan.cancel_ms > simulation_.ms()) continue;
      one.cancelled = true;
      one.sequence->cancel();
    }
  }

  void look() {
    check_admissions();
    for (Followed& one : followed_) {
      if (!one.sequence) continue;
      const std::int64_t tokens = one.sequence->known() - one.sequence->prompt_tokens();
      ASSERT_LE(tokens - std::ssize(one.token_ms), 1) << "two tokens in one step";
      if (tokens > std::ssize(one.token_ms)) one.token_ms.push_back(simulation_.ms());
      if (one.sequence->finished()) end(one);
    }
  }

  /// Nobody is let in before one that has waited longer or is of a higher priority.
  void check_admissions() {
    const Followed* waiting = nullptr;
    const auto before = [](const Followed& a, const Followed& b) {
      if (a.plan.priority != b.plan.priority) return a.plan.priority > b.plan.priority;
      return a.sequence->arrival < b.sequence->arrival;
    };
    for (const Followed& one : followed_) {
      if (!one.sequence || one.sequence->admitted || one.sequence->finished()) continue;
      if (!waiting || before(one, *waiting)) waiting = &one;
    }
    for (Followed& one : followed_) {
      if (!one.sequence) continue;
      const bool fresh = one.sequence->admitted && !one.admitted;
      one.admitted = one.sequence->admitted;
      if (fresh && waiting) {
        ASSERT_TRUE(before(one, *waiting)) << "let in out of turn";
      }
    }
  }

  void end(Followed& one) {
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

  Simulation simulation_;
  std::vector<Followed> followed_;
  std::size_t arrived_ = 0;
};

class Schedule {
 public:
  explicit Schedule(std::uint32_t seed) : random_(seed) {}

  int below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }
  template <typename T>
  T one_of(const std::vector<T>& values) {
    return values[below(static_cast<int>(values.size()))];
  }
  /// Mostly small ones, some large.
  int size(int most) {
    return 1 + static_cast<int>(most * std::pow(below(1001) / 1000.0, 4.0) * 0.999);
  }

  std::vector<std::int32_t> tokens(int count) {
    std::vector<std::int32_t> tokens(count);
    for (std::int32_t& token : tokens) token = below(SimulatedModel::kVocab);
    return tokens;
  }

  /// Requests of which many begin alike, with a few pictures over and over.
  std::vector<Planned> plans(int count, int most_tokens) {
    std::vector<std::vector<std::int32_t>> beginnings = {{}};
    for (int i = 0; i < 3; ++i) beginnings.push_back(tokens(size(most_tokens)));
    const int gap_ms = one_of<int>({1, 20, 200});
    std::vector<Planned> plans(count);
    double ms = 0.0;
    for (Planned& plan : plans) {
      ms += below(2 * gap_ms);
      plan.arrival_ms = ms;
      plan.tokens = one_of(beginnings);
      plan.tokens.resize(1 + below(static_cast<int>(plan.tokens.size()) + 1), 3);
      const std::vector<std::int32_t> rest = tokens(size(most_tokens));
      plan.tokens.insert(plan.tokens.end(), rest.begin(), rest.end());
      for (int left = below(4) - 1; left > 0; --left) plan.pictures.push_back(below(9));
      plan.max_tokens = size(200);
      plan.priority = std::max(0, below(5) - 2);
      if (below(6) == 0) plan.cancel_ms = ms + size(4000);
    }
    return plans;
  }

 private:
  std::mt19937 random_;
};

/// Tokens that a plan has at most, of its pictures too, with one that is about to come.
std::int64_t most_tokens_of(const Planned& plan) {
  return std::ssize(plan.tokens) + 27 * std::ssize(plan.pictures) + plan.max_tokens + 2;
}

std::int64_t longest_of(const std::vector<Planned>& plans) {
  std::int64_t longest = 0;
  for (const Planned& plan : plans) longest = std::max(longest, most_tokens_of(plan));
  return longest;
}

class Schedules : public testing::TestWithParam<int> {};

TEST_P(Schedules, KeepTheirPromises) {
  int preemptions = 0;
  int cancelled = 0;
  std::int64_t cached = 0;
  for (int seed = GetParam(); seed < kSchedules; seed += 3) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Schedule schedule(static_cast<std::uint32_t>(seed));
    const std::vector<Planned> plans = schedule.plans(2 + schedule.below(30), 600);
    SimulationOptions options;
    options.steps_ahead = GetParam();
    options.max_batch_tokens = schedule.one_of<std::int64_t>({1, 7, 64, 256});
    options.prefix_cache = schedule.below(4) != 0;
    options.vision_cache_bytes = schedule.one_of<std::int64_t>({0, 1000, 1 << 20});
    options.max_slowdown = schedule.one_of<double>({0.2, 1.5, 5.0});
    // Hardly room for the longest, or for a few, or for all.
    const auto needed = static_cast<int>(longest_of(plans) / 64 + 1);
    options.num_pages = needed * schedule.one_of<int>({1, 2, 40});
    Play play(options, plans);
    play.run();
    if (HasFatalFailure()) return;
    EXPECT_LE(play.simulation().model.most_rows, options.max_batch_tokens);
    EXPECT_TRUE(play.simulation().all_pages_free());
    preemptions += static_cast<int>(play.simulation().runner.scheduler().preemptions());
    for (const Followed& one : play.followed()) {
      cancelled += one.result->finish_reason == FinishReason::kCancelled;
      cached += one.result->usage.cached_tokens;
    }
  }
  // That all this was tried.
  EXPECT_GT(preemptions, 100);
  EXPECT_GT(cancelled, 50);
  EXPECT_GT(cached, 1000);
}

INSTANTIATE_TEST_SUITE_P(StepsAhead, Schedules, testing::Values(0, 1, 2));

}  // namespace
}  // namespace saccade::engine
