// Deterministic automata over bytes: what regular expressions, literals, numbers, names and the
// rules of GBNF become.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace saccade::grammar {

inline constexpr std::size_t kMaxDfaStates = 20'000;

/// A partition of the 256 bytes: bytes of one class are never told apart.
struct ByteClasses {
  std::array<std::uint8_t, 256> of{};
  std::vector<std::uint8_t> samples;  // one byte of each class

  std::size_t count() const { return samples.size(); }
  /// Makes classes of bytes for which `key` is the same.
  static ByteClasses by(const std::function<std::vector<std::int32_t>(std::uint8_t)>& key);
  static ByteClasses each();
};

/// A trimmed automaton: from every state the end of some word can be reached, so a walk that has
/// not died can always be completed. Without states it accepts nothing.
class Dfa {
 public:
  static constexpr std::int32_t kDead = -1;

  /// An edge that another rule's words take (GBNF only); below zero those of a node do.
  struct Call {
    std::int32_t rule = 0;
    std::int32_t target = 0;
  };

  bool empty() const { return labels_.empty(); }
  std::size_t size() const { return labels_.size(); }
  static constexpr std::int32_t start() { return 0; }
  std::int32_t step(std::int32_t state, std::uint8_t byte) const {
    return next_[static_cast<std::size_t>(state) * classes_.count() + classes_.of[byte]];
  }
  /// -1 where no word ends, else what the builder said of the words that end there.
  std::int32_t label(std::int32_t state) const { return labels_[static_cast<std::size_t>(state)]; }
  bool accepts(std::int32_t state) const { return label(state) >= 0; }
  std::span<const Call> calls(std::int32_t state) const {
    if (calls_.empty()) return {};
    return calls_[static_cast<std::size_t>(state)];
  }
  bool has_calls() const { return !calls_.empty(); }
  const ByteClasses& classes() const { return classes_; }

  /// The label of a whole word; -1 for one that is not accepted.
  std::int32_t run(std::string_view word) const;

  /// Whether infinitely many words lead from a state to an end whose label `counts`, and how many
  /// otherwise (saturated at `kInfinite`).
  static constexpr std::uint64_t kInfinite = ~std::uint64_t{0};
  std::vector<std::uint64_t> completions(const std::function<bool(std::int32_t)>& counts) const;
  /// The fewest characters that lead from each state to an end. For automata of UTF-8 without
  /// calls, whose classes tell the bytes that continue a character from all others.
  std::vector<std::uint32_t> shortest() const;

 private:
  friend class DfaBuilder;
  ByteClasses classes_;
  std::vector<std::int32_t> next_;  // [state][class]
  std::vector<std::int32_t> labels_;
  std::vector<std::vector<Call>> calls_;
};

using DfaPtr = std::shared_ptr<const Dfa>;

/// Puts an automaton together state by state, and trims it.
class DfaBuilder {
 public:
  explicit DfaBuilder(ByteClasses classes) : classes_(std::move(classes)) {}

  const ByteClasses& classes() const { return classes_; }
  std::int32_t add_state(std::int32_t label);
  void set(std::int32_t from, std::size_t byte_class, std::int32_t to);
  void add_call(std::int32_t from, Dfa::Call call) {
    calls_[static_cast<std::size_t>(from)].push_back(call);
  }
  /// State 0 is the start. `productive` says whether a called rule has words at all.
  Dfa build(const std::function<bool(std::int32_t)>& productive = {}) const;

 private:
  std::vector<bool> live_states(const std::function<bool(std::int32_t)>& productive) const;

  ByteClasses classes_;
  std::vector<std::int32_t> next_;
  std::vector<std::int32_t> labels_;
  std::vector<std::vector<Dfa::Call>> calls_;
};

/// The automaton of everything reachable from `start`: `next(state, byte)` gives an optional state,
/// `label(state)` what ends there. Throws Error, speaking of `what`, beyond `limit` states.
template <typename State, typename Next, typename Label>
Dfa explore(const State& start, const ByteClasses& classes, const Next& next, const Label& label,
            std::string_view what, std::size_t limit = kMaxDfaStates) {
  DfaBuilder builder(classes);
  std::map<State, std::int32_t> ids;
  std::vector<const State*> states;
  const auto id_of = [&](const State& state) {
    const auto [place, added] = ids.emplace(state, static_cast<std::int32_t>(ids.size()));
    if (added) {
      if (ids.size() > limit) fail("{}: its automaton has more than {} states", what, limit);
      builder.add_state(label(state));
      states.push_back(&place->first);
    }
    return place->second;
  };
  id_of(start);
  for (std::size_t i = 0; i < states.size(); ++i) {
    for (std::size_t c = 0; c < classes.count(); ++c) {
      const std::optional<State> target = next(*states[i], classes.samples[c]);
      if (target) builder.set(static_cast<std::int32_t>(i), c, id_of(*target));
    }
  }
  return builder.build();
}

/// All UTF-8 texts.
const DfaPtr& universal();
DfaPtr literals(std::span<const std::string> words);

/// Runs automata side by side. A component that died is kDead; `alive` says whether the others may
/// go on, `label` what ends in a combination.
using States = std::vector<std::int32_t>;
Dfa combine(std::span<const DfaPtr> parts, const std::function<bool(const States&)>& alive,
            const std::function<std::int32_t(const States&)>& label, std::string_view what);
DfaPtr intersection(const DfaPtr& a, const DfaPtr& b, std::string_view what);
DfaPtr difference(const DfaPtr& a, const DfaPtr& b, std::string_view what);
DfaPtr either(const DfaPtr& a, const DfaPtr& b, std::string_view what);

/// The words of at least `min` and at most `max` characters.
DfaPtr with_length(const DfaPtr& dfa, std::uint64_t min, std::uint64_t max, std::string_view what);

}  // namespace saccade::grammar
