#include "grammar/nfa.h"

#include <algorithm>
#include <map>

#include "base/error.h"

namespace saccade::grammar {

std::int32_t Nfa::add_state() {
  if (edges_.size() >= kMaxNfaStates) {
    fail("an expression is too large: more than {} states", kMaxNfaStates);
  }
  edges_.emplace_back();
  return static_cast<std::int32_t>(edges_.size()) - 1;
}

Fragment Nfa::nothing() {
  const std::int32_t state = add_state();
  return {state, state};
}

Fragment Nfa::never() {
  const std::int32_t in = add_state();
  return {in, add_state()};
}

Fragment Nfa::bytes(std::string_view text) {
  Fragment whole = nothing();
  for (const char c : text) {
    const std::int32_t next = add_state();
    const auto byte = static_cast<std::uint8_t>(c);
    add(whole.out, {.kind = Edge::Kind::kBytes, .low = byte, .high = byte, .target = next});
    whole.out = next;
  }
  return whole;
}

Fragment Nfa::characters(const CodePointSet& set) {
  const Fragment whole = never();
  for (const Utf8Sequence& sequence : utf8_sequences(set)) {
    std::int32_t from = whole.in;
    for (int i = 0; i < sequence.length; ++i) {
      const auto [low, high] = sequence.bytes[static_cast<std::size_t>(i)];
      const std::int32_t to = i + 1 == sequence.length ? whole.out : add_state();
      add(from, {.kind = Edge::Kind::kBytes, .low = low, .high = high, .target = to});
      from = to;
    }
  }
  return whole;
}

Fragment Nfa::assertion(Edge::Kind kind) {
  const Fragment whole = never();
  add(whole.in, {.kind = kind, .target = whole.out});
  return whole;
}

Fragment Nfa::call(std::int32_t rule) {
  const Fragment whole = never();
  add(whole.in, {.kind = Edge::Kind::kCall, .rule = rule, .target = whole.out});
  return whole;
}

Fragment Nfa::automaton(const Dfa& dfa) {
  const Fragment whole = never();
  std::vector<std::int32_t> states;
  for (std::size_t i = 0; i < dfa.size(); ++i) states.push_back(add_state());
  for (std::size_t i = 0; i < dfa.size(); ++i) {
    const auto state = static_cast<std::int32_t>(i);
    if (dfa.accepts(state)) link(states[i], whole.out);
    for (int low = 0; low < 256; ++low) {
      const std::int32_t target = dfa.step(state, static_cast<std::uint8_t>(low));
      if (target == Dfa::kDead) continue;
      int high = low;
      while (high < 255 && dfa.step(state, static_cast<std::uint8_t>(high + 1)) == target) ++high;
      add(states[i], {.kind = Edge::Kind::kBytes,
                      .low = static_cast<std::uint8_t>(low),
                      .high = static_cast<std::uint8_t>(high),
                      .target = states[static_cast<std::size_t>(target)]});
      low = high;
    }
  }
  if (!dfa.empty()) link(whole.in, states[0]);
  return whole;
}

Fragment Nfa::sequence(Fragment first, Fragment second) {
  link(first.out, second.in);
  return {first.in, second.out};
}

Fragment Nfa::either(const std::vector<Fragment>& branches) {
  const Fragment whole = never();
  for (const Fragment& branch : branches) {
    link(whole.in, branch.in);
    link(branch.out, whole.out);
  }
  return whole;
}

Fragment Nfa::repeat(const std::function<Fragment()>& make, std::uint64_t min,
                     std::optional<std::uint64_t> max) {
  Fragment whole = nothing();
  for (std::uint64_t i = 0; i < min; ++i) whole = sequence(whole, make());
  if (!max) {
    const std::int32_t hub = add_state();
    const Fragment body = make();
    link(whole.out, hub);
    link(hub, body.in);
    link(body.out, hub);
    // A state of its own behind the loop, so that what follows does not run into it.
    const std::int32_t out = add_state();
    link(hub, out);
    return {whole.in, out};
  }
  std::vector<std::int32_t> exits;
  for (std::uint64_t i = min; i < *max; ++i) {
    exits.push_back(whole.out);
    whole = sequence(whole, make());
  }
  const std::int32_t out = add_state();
  link(whole.out, out);
  for (const std::int32_t exit : exits) link(exit, out);
  return {whole.in, out};
}

namespace {

using Set = std::vector<std::int32_t>;  // sorted states
using Kind = Nfa::Edge::Kind;

class SubsetConstruction {
 public:
  SubsetConstruction(const Nfa& nfa, Fragment whole, std::string_view what, const RuleFacts& facts)
      : nfa_(nfa), whole_(whole), what_(what), facts_(facts), builder_(byte_classes(nfa)) {
    mark_.resize(nfa.edges().size(), 0);
  }

  Dfa build() {
    id_of(closure({whole_.in}, true, false));
    for (std::size_t i = 0; i < sets_.size(); ++i) {
      const Set set = *sets_[i];
      const auto from = static_cast<std::int32_t>(i);
      for (std::size_t c = 0; c < builder_.classes().count(); ++c) {
        const Set target = step(set, builder_.classes().samples[c]);
        if (!target.empty()) builder_.set(from, c, id_of(closure(target, false, false)));
      }
      for (const auto& [rule, targets] : calls(set)) {
        builder_.add_call(from, {rule, id_of(closure(targets, false, false))});
      }
    }
    return builder_.build(facts_.productive);
  }

 private:
  static constexpr std::size_t kMaxWork = 100'000'000;

  static ByteClasses byte_classes(const Nfa& nfa) {
    std::array<bool, 257> starts{};
    starts[0] = true;
    for (const auto& edges : nfa.edges()) {
      for (const Nfa::Edge& edge : edges) {
        if (edge.kind != Kind::kBytes) continue;
        starts[edge.low] = true;
        starts[static_cast<std::size_t>(edge.high) + 1] = true;
      }
    }
    return ByteClasses::by([&, section = 0](std::uint8_t byte) mutable {
      if (starts[byte]) ++section;
      return std::vector<std::int32_t>{section};
    });
  }

  Set step(const Set& set, std::uint8_t byte) {
    Set targets;
    for (const std::int32_t state : set) {
      for (const Nfa::Edge& edge : edges_of(state)) {
        if (edge.kind == Kind::kBytes && edge.low <= byte && byte <= edge.high) {
          targets.push_back(edge.target);
        }
      }
    }
    return targets;
  }

  std::map<std::int32_t, Set> calls(const Set& set) {
    std::map<std::int32_t, Set> calls;
    for (const std::int32_t state : set) {
      for (const Nfa::Edge& edge : edges_of(state)) {
        if (edge.kind == Kind::kCall) calls[edge.rule].push_back(edge.target);
      }
    }
    return calls;
  }

  const std::vector<Nfa::Edge>& edges_of(std::int32_t state) {
    if (++work_ > kMaxWork) fail("{}: it takes too long to compile", what_);
    return nfa_.edges()[static_cast<std::size_t>(state)];
  }

  /// What is reached without a byte. Of a rule with the empty word the edge may be passed as well.
  Set closure(const Set& from, bool at_begin, bool at_end) {
    ++generation_;
    Set reached;
    const auto add = [&](std::int32_t state) {
      if (mark_[static_cast<std::size_t>(state)] == generation_) return;
      mark_[static_cast<std::size_t>(state)] = generation_;
      reached.push_back(state);
    };
    for (const std::int32_t state : from) add(state);
    for (std::size_t i = 0; i < reached.size(); ++i) {
      for (const Nfa::Edge& edge : edges_of(reached[i])) {
        const bool open = edge.kind == Kind::kEmpty || (edge.kind == Kind::kBegin && at_begin) ||
                          (edge.kind == Kind::kEnd && at_end) ||
                          (edge.kind == Kind::kCall && facts_.nullable(edge.rule));
        if (open) add(edge.target);
      }
    }
    std::ranges::sort(reached);
    return reached;
  }

  std::int32_t id_of(Set set) {
    const bool first = ids_.empty();
    const auto [place, added] =
        ids_.emplace(std::move(set), static_cast<std::int32_t>(ids_.size()));
    if (added) {
      if (ids_.size() > kMaxDfaStates) {
        fail("{}: its automaton has more than {} states", what_, kMaxDfaStates);
      }
      const Set at_end = closure(place->first, first, true);
      builder_.add_state(std::ranges::binary_search(at_end, whole_.out) ? 0 : -1);
      sets_.push_back(&place->first);
    }
    return place->second;
  }

  const Nfa& nfa_;
  Fragment whole_;
  std::string_view what_;
  const RuleFacts& facts_;
  DfaBuilder builder_;
  std::map<Set, std::int32_t> ids_;
  std::vector<const Set*> sets_;
  std::vector<std::uint32_t> mark_;  // by state: the closure that reached it last
  std::uint32_t generation_ = 0;
  std::size_t work_ = 0;
};

}  // namespace

Dfa determinize(const Nfa& nfa, Fragment whole, std::string_view what, const RuleFacts& facts) {
  return SubsetConstruction(nfa, whole, what, facts).build();
}

}  // namespace saccade::grammar
