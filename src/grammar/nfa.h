// Nondeterministic automata over bytes, as regular expressions and GBNF rules are read into them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "grammar/code_points.h"
#include "grammar/dfa.h"

namespace saccade::grammar {

/// A part of an Nfa with one way in and one way out.
struct Fragment {
  std::int32_t in = 0;
  std::int32_t out = 0;
};

/// Thompson's construction. Throws Error beyond kMaxNfaStates, which repetitions reach.
class Nfa {
 public:
  static constexpr std::size_t kMaxNfaStates = 200'000;

  struct Edge {
    enum class Kind : std::uint8_t {
      kEmpty,
      kBytes,  ///< one byte of [low, high]
      kBegin,  ///< nothing, at the beginning of the text
      kEnd,    ///< nothing, at its end
      kCall,   ///< a word of the rule
    };
    Kind kind = Kind::kEmpty;
    std::uint8_t low = 0;
    std::uint8_t high = 0;
    std::int32_t rule = 0;
    std::int32_t target = 0;
  };

  Fragment nothing();  ///< the empty text
  Fragment never();    ///< no text at all
  Fragment bytes(std::string_view text);
  Fragment characters(const CodePointSet& set);
  Fragment assertion(Edge::Kind kind);
  Fragment call(std::int32_t rule);
  /// The words of an automaton without calls.
  Fragment automaton(const Dfa& dfa);
  Fragment sequence(Fragment first, Fragment second);
  Fragment either(const std::vector<Fragment>& branches);
  /// Between `min` and `max` times what `make` makes, which is called once for each copy.
  Fragment repeat(const std::function<Fragment()>& make, std::uint64_t min,
                  std::optional<std::uint64_t> max);

  const std::vector<std::vector<Edge>>& edges() const { return edges_; }

 private:
  std::int32_t add_state();
  void link(std::int32_t from, std::int32_t to) { add(from, {.target = to}); }
  void add(std::int32_t from, Edge edge) { edges_[static_cast<std::size_t>(from)].push_back(edge); }

  std::vector<std::vector<Edge>> edges_;
};

/// What callers of `determinize` know about the rules that a fragment calls.
struct RuleFacts {
  std::function<bool(std::int32_t)> nullable;    ///< has the empty word
  std::function<bool(std::int32_t)> productive;  ///< has any word
};

/// The subset construction. Throws Error, speaking of `what`, when it grows too large.
Dfa determinize(const Nfa& nfa, Fragment whole, std::string_view what, const RuleFacts& facts = {});

}  // namespace saccade::grammar
