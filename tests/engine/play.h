// Schedules of requests, played on a simulated clock with everything looked at after each step.
#pragma once

#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/simulation.h"

namespace saccade::engine {

/// A request of a schedule.
struct Planned {
  double arrival_ms = 0.0;
  std::vector<std::int32_t> tokens;
  std::vector<int> pictures = {};  ///< their names; behind the tokens
  std::int64_t max_tokens = 1;
  bool ignore_end = false;  ///< the answer has max_tokens tokens
  int priority = 0;
  std::optional<double> cancel_ms = {};  ///< when, if it is
};

/// What became of it.
struct Followed {
  Planned plan;
  std::unique_ptr<Sequence> sequence = {};  ///< while it is on its way
  std::vector<std::int32_t> wanted = {};    ///< its answer alone
  std::string text = {};                    ///< as it came
  std::vector<double> token_ms = {};        ///< when each token came
  bool admitted = false;
  bool cancelled = false;
  std::optional<Result> result = {};

  /// From its arrival to its first token. Throws where there is none.
  double wait_ms() const { return token_ms.at(0) - plan.arrival_ms; }
};

/// Plays a schedule. Fails the test where an answer is not that of the request alone, text comes
/// after the end, somebody is let in out of turn, nothing is done though there is something to do,
/// or a request has no end.
class Play {
 public:
  Play(const SimulationOptions& options, std::vector<Planned> plans);

  void run();
  Simulation& simulation() { return simulation_; }
  /// In order of arrival.
  const std::vector<Followed>& followed() const { return followed_; }
  /// Of all steps the most answers that got a token.
  std::int64_t most_answers() const { return most_answers_; }

 private:
  void let_in();
  void cancel();
  void look();
  void check_admissions();
  void end(Followed& one);

  Simulation simulation_;
  std::vector<Followed> followed_;
  std::size_t arrived_ = 0;
  std::int64_t most_answers_ = 0;
};

/// Random requests, the same for a seed.
class Plans {
 public:
  explicit Plans(int seed) : random_(static_cast<std::uint32_t>(seed)) {}

  int below(int end) { return static_cast<int>(random_() % static_cast<unsigned>(end)); }
  template <typename T>
  T one_of(const std::vector<T>& values) {
    return values[below(static_cast<int>(values.size()))];
  }
  /// From 1 to `most`, mostly small.
  int size(int most);
  std::vector<std::int32_t> tokens(int count);
  /// Requests of which many begin alike, with a few pictures over and over.
  std::vector<Planned> make(int count, int most_tokens);

 private:
  std::mt19937 random_;
};

}  // namespace saccade::engine
