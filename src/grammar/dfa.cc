#include "grammar/dfa.h"

#include <algorithm>
#include <deque>

#include "grammar/nfa.h"

namespace saccade::grammar {

ByteClasses ByteClasses::by(const std::function<std::vector<std::int32_t>(std::uint8_t)>& key) {
  ByteClasses classes;
  std::map<std::vector<std::int32_t>, std::uint8_t> known;
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = static_cast<std::uint8_t>(byte);
    const auto [place, added] = known.emplace(key(value), static_cast<std::uint8_t>(known.size()));
    if (added) classes.samples.push_back(value);
    classes.of[value] = place->second;
  }
  return classes;
}

ByteClasses ByteClasses::each() {
  return by([](std::uint8_t byte) { return std::vector<std::int32_t>{byte}; });
}

std::int32_t Dfa::run(std::string_view word) const {
  if (empty()) return -1;
  std::int32_t state = start();
  for (const char c : word) {
    state = step(state, static_cast<std::uint8_t>(c));
    if (state == kDead) return -1;
  }
  return label(state);
}

std::vector<std::uint64_t> Dfa::completions(const std::function<bool(std::int32_t)>& counts) const {
  // Rounds of a sum over successors: what still grows after as many rounds as there are states has
  // a loop. Saturation makes it end much earlier in practice.
  const std::size_t n = size();
  std::vector<std::vector<std::int32_t>> before(n);
  std::vector<std::int32_t> open(n, 0);  // edges to states that are not yet counted
  std::vector<std::uint64_t> result(n, kInfinite);
  // Words per edge count bytes, not classes.
  std::vector<std::uint64_t> bytes_of(classes_.count(), 0);
  for (const std::uint8_t c : classes_.of) ++bytes_of[c];
  std::vector<bool> useful(n, false);
  for (std::size_t s = 0; s < n; ++s) {
    for (std::size_t c = 0; c < classes_.count(); ++c) {
      const std::int32_t target = next_[s * classes_.count() + c];
      if (target != kDead)
        before[static_cast<std::size_t>(target)].push_back(static_cast<std::int32_t>(s));
    }
    useful[s] = labels_[s] >= 0 && counts(labels_[s]);
  }
  std::vector<std::int32_t> queue;
  for (std::size_t s = 0; s < n; ++s) {
    if (useful[s]) queue.push_back(static_cast<std::int32_t>(s));
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const std::int32_t s : before[static_cast<std::size_t>(queue[i])]) {
      if (useful[static_cast<std::size_t>(s)]) continue;
      useful[static_cast<std::size_t>(s)] = true;
      queue.push_back(s);
    }
  }
  queue.clear();
  for (std::size_t s = 0; s < n; ++s) {
    for (std::size_t c = 0; c < classes_.count(); ++c) {
      const std::int32_t target = next_[s * classes_.count() + c];
      if (target != kDead && useful[static_cast<std::size_t>(target)]) ++open[s];
    }
    if (open[s] == 0) queue.push_back(static_cast<std::int32_t>(s));
  }
  // States whose successors are all counted, from the ends backwards; loops are never reached.
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const auto s = static_cast<std::size_t>(queue[i]);
    std::uint64_t sum = labels_[s] >= 0 && counts(labels_[s]) ? 1 : 0;
    for (std::size_t c = 0; c < classes_.count(); ++c) {
      const std::int32_t target = next_[s * classes_.count() + c];
      if (target == kDead || !useful[static_cast<std::size_t>(target)]) continue;
      const std::uint64_t words = result[static_cast<std::size_t>(target)];
      sum = std::min(kInfinite / 512, sum + std::min(kInfinite / 1024, words) * bytes_of[c]);
    }
    result[s] = sum;
    if (!useful[s]) continue;
    for (const std::int32_t b : before[s]) {
      if (--open[static_cast<std::size_t>(b)] == 0) queue.push_back(b);
    }
  }
  return result;
}

std::vector<std::uint32_t> Dfa::shortest() const {
  constexpr std::uint32_t kUnknown = ~std::uint32_t{0};
  // What each class costs: a byte that continues a character nothing.
  std::vector<std::uint32_t> cost(classes_.count(), 1);
  for (std::size_t byte = 0x80; byte < 0xC0; ++byte) cost[classes_.of[byte]] = 0;
  std::vector<std::vector<std::pair<std::int32_t, std::uint32_t>>> before(size());
  std::vector<std::uint32_t> result(size(), kUnknown);
  std::deque<std::pair<std::int32_t, std::uint32_t>> queue;
  for (std::size_t s = 0; s < size(); ++s) {
    for (std::size_t c = 0; c < classes_.count(); ++c) {
      const std::int32_t target = next_[s * classes_.count() + c];
      if (target == kDead) continue;
      before[static_cast<std::size_t>(target)].emplace_back(s, cost[c]);
    }
    if (labels_[s] >= 0) queue.emplace_back(s, 0);
  }
  // Dijkstra's with costs of 0 and 1: the queue is sorted by itself.
  while (!queue.empty()) {
    const auto [state, distance] = queue.front();
    queue.pop_front();
    std::uint32_t& known = result[static_cast<std::size_t>(state)];
    if (known <= distance) continue;
    known = distance;
    for (const auto& [from, step] : before[static_cast<std::size_t>(state)]) {
      if (step == 0) {
        queue.emplace_front(from, distance);
      } else {
        queue.emplace_back(from, distance + 1);
      }
    }
  }
  return result;
}

std::int32_t DfaBuilder::add_state(std::int32_t label) {
  labels_.push_back(label);
  calls_.emplace_back();
  next_.resize(next_.size() + classes_.count(), Dfa::kDead);
  return static_cast<std::int32_t>(labels_.size()) - 1;
}

void DfaBuilder::set(std::int32_t from, std::size_t byte_class, std::int32_t to) {
  next_[static_cast<std::size_t>(from) * classes_.count() + byte_class] = to;
}

std::vector<bool> DfaBuilder::live_states(
    const std::function<bool(std::int32_t)>& productive) const {
  const std::size_t n = labels_.size();
  std::vector<std::vector<std::int32_t>> before(n);
  std::vector<bool> live(n, false);
  std::vector<std::size_t> queue;
  for (std::size_t s = 0; s < n; ++s) {
    const auto from = static_cast<std::int32_t>(s);
    for (std::size_t c = 0; c < classes_.count(); ++c) {
      const std::int32_t target = next_[s * classes_.count() + c];
      if (target != Dfa::kDead) before[static_cast<std::size_t>(target)].push_back(from);
    }
    for (const Dfa::Call& call : calls_[s]) {
      if (productive(call.rule)) before[static_cast<std::size_t>(call.target)].push_back(from);
    }
    if (labels_[s] >= 0) {
      live[s] = true;
      queue.push_back(s);
    }
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const std::int32_t s : before[queue[i]]) {
      if (live[static_cast<std::size_t>(s)]) continue;
      live[static_cast<std::size_t>(s)] = true;
      queue.push_back(static_cast<std::size_t>(s));
    }
  }
  return live;
}

Dfa DfaBuilder::build(const std::function<bool(std::int32_t)>& productive) const {
  Dfa dfa;
  const std::vector<bool> live = live_states(productive);
  if (live.empty() || !live[0]) return dfa;
  std::vector<std::int32_t> id(live.size(), Dfa::kDead);
  std::int32_t count = 0;
  bool has_calls = false;
  for (std::size_t s = 0; s < live.size(); ++s) {
    if (live[s]) id[s] = count++;
    has_calls |= live[s] && !calls_[s].empty();
  }
  dfa.classes_ = classes_;
  for (std::size_t s = 0; s < live.size(); ++s) {
    if (!live[s]) continue;
    dfa.labels_.push_back(labels_[s]);
    for (std::size_t c = 0; c < classes_.count(); ++c) {
      const std::int32_t target = next_[s * classes_.count() + c];
      dfa.next_.push_back(target == Dfa::kDead ? target : id[static_cast<std::size_t>(target)]);
    }
    if (!has_calls) continue;
    dfa.calls_.emplace_back();
    for (const Dfa::Call& call : calls_[s]) {
      const std::int32_t target = id[static_cast<std::size_t>(call.target)];
      if (target != Dfa::kDead && productive(call.rule)) {
        dfa.calls_.back().push_back({call.rule, target});
      }
    }
  }
  return dfa;
}

const DfaPtr& universal() {
  static const DfaPtr dfa = [] {
    Nfa nfa;
    const Fragment any = nfa.repeat([&] { return nfa.characters(CodePointSet::all()); }, 0, {});
    return std::make_shared<const Dfa>(determinize(nfa, any, "any text"));
  }();
  return dfa;
}

DfaPtr literals(std::span<const std::string> words) {
  DfaBuilder builder(ByteClasses::each());
  std::map<std::pair<std::int32_t, std::uint8_t>, std::int32_t> edges;
  std::vector<std::int32_t> ends;
  std::int32_t count = 1;
  for (const std::string& word : words) {
    std::int32_t state = 0;
    for (const char c : word) {
      const auto [edge, added] =
          edges.emplace(std::pair(state, static_cast<std::uint8_t>(c)), count);
      if (added) ++count;
      state = edge->second;
    }
    ends.push_back(state);
  }
  std::vector<std::int32_t> labels(static_cast<std::size_t>(count), -1);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    std::int32_t& label = labels[static_cast<std::size_t>(ends[i])];
    if (label < 0) label = static_cast<std::int32_t>(i);
  }
  for (const std::int32_t label : labels) builder.add_state(label);
  for (const auto& [edge, to] : edges) {
    builder.set(edge.first, builder.classes().of[edge.second], to);
  }
  return std::make_shared<const Dfa>(builder.build());
}

Dfa combine(std::span<const DfaPtr> parts, const std::function<bool(const States&)>& alive,
            const std::function<std::int32_t(const States&)>& label, std::string_view what) {
  const ByteClasses classes = ByteClasses::by([&](std::uint8_t byte) {
    std::vector<std::int32_t> key;
    for (const DfaPtr& part : parts) {
      key.push_back(part->empty() ? 0 : part->classes().of[byte]);
    }
    return key;
  });
  States start;
  for (const DfaPtr& part : parts) start.push_back(part->empty() ? Dfa::kDead : Dfa::start());
  if (!alive(start)) return Dfa();
  const auto next = [&](const States& states, std::uint8_t byte) -> std::optional<States> {
    States target(states.size(), Dfa::kDead);
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] != Dfa::kDead) target[i] = parts[i]->step(states[i], byte);
    }
    if (!alive(target)) return std::nullopt;
    return target;
  };
  return explore(start, classes, next, label, what);
}

namespace {

bool ends(const DfaPtr& dfa, std::int32_t state) {
  return state != Dfa::kDead && dfa->accepts(state);
}

}  // namespace

DfaPtr intersection(const DfaPtr& a, const DfaPtr& b, std::string_view what) {
  if (a == b || b == universal()) return a;
  if (a == universal()) return b;
  const std::array parts = {a, b};
  return std::make_shared<const Dfa>(combine(
      parts, [](const States& s) { return s[0] != Dfa::kDead && s[1] != Dfa::kDead; },
      [&](const States& s) { return ends(a, s[0]) && ends(b, s[1]) ? 0 : -1; }, what));
}

DfaPtr difference(const DfaPtr& a, const DfaPtr& b, std::string_view what) {
  const std::array parts = {a, b};
  return std::make_shared<const Dfa>(combine(
      parts, [](const States& s) { return s[0] != Dfa::kDead; },
      [&](const States& s) { return ends(a, s[0]) && !ends(b, s[1]) ? 0 : -1; }, what));
}

DfaPtr either(const DfaPtr& a, const DfaPtr& b, std::string_view what) {
  const std::array parts = {a, b};
  return std::make_shared<const Dfa>(combine(
      parts, [](const States& s) { return s[0] != Dfa::kDead || s[1] != Dfa::kDead; },
      [&](const States& s) { return ends(a, s[0]) || ends(b, s[1]) ? 0 : -1; }, what));
}

DfaPtr with_length(const DfaPtr& dfa, std::uint64_t min, std::uint64_t max, std::string_view what) {
  constexpr std::uint64_t kUnbounded = ~std::uint64_t{0};
  if (dfa->empty() || (min == 0 && max == kUnbounded)) return dfa;
  using State = std::pair<std::int32_t, std::uint64_t>;
  // Lead bytes begin characters, so they must be told from the bytes that continue one.
  const ByteClasses classes = ByteClasses::by([&](std::uint8_t byte) {
    return std::vector<std::int32_t>{dfa->classes().of[byte], (byte & 0xC0) == 0x80};
  });
  const auto next = [&](const State& state, std::uint8_t byte) -> std::optional<State> {
    const std::int32_t target = dfa->step(state.first, byte);
    if (target == Dfa::kDead) return std::nullopt;
    std::uint64_t count = state.second + ((byte & 0xC0) == 0x80 ? 0 : 1);
    if (count > max) return std::nullopt;
    if (max == kUnbounded) count = std::min(count, min);
    return State{target, count};
  };
  const auto label = [&](const State& state) {
    return state.second >= min ? dfa->label(state.first) : -1;
  };
  return std::make_shared<const Dfa>(explore(State{Dfa::start(), 0}, classes, next, label, what));
}

}  // namespace saccade::grammar
