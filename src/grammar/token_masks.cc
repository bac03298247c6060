#include "grammar/token_masks.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "grammar/string_text.h"

namespace saccade::grammar {
namespace {

using Mask = std::span<std::uint64_t>;

/// Behind this many characters a limit on the length of a string no longer matters to any token.
constexpr std::uint64_t kFar = 128;

void set_bit(Mask bits, std::uint32_t token) {
  bits[token / 64] |= std::uint64_t{1} << (token % 64);
}

/// A token that leaves a place.
struct Exit {
  std::uint32_t token;
  std::uint32_t characters;  // of the string before its end
  std::uint32_t bytes;       // of the token before its end
  bool plain;                // without an escape among them
};

}  // namespace

/// What the vocabulary can do at a place.
struct TokenMasks::PlaceMask {
  /// Tokens that stay inside, for places without a limit on characters.
  std::vector<std::uint64_t> inside;
  /// Tokens that stay inside a string, by the characters they add: [n] has those of up to n.
  std::vector<std::vector<std::uint64_t>> inside_up_to;
  /// Tokens that only a walk of their own can decide.
  std::vector<std::uint32_t> undecided;

  /// Tokens that reach the end, by the label of the automaton there; in `rest`, whose values are
  /// indices of `exits`, by the bytes they have left.
  struct End {
    std::int32_t label = 0;
    std::vector<Exit> exits;
    std::vector<std::uint32_t> without_rest;  // indices of exits
    ByteTrie rest;
  };
  std::vector<End> ends;
};

namespace {

/// Gathers the exits of one place.
class EndCollector {
 public:
  explicit EndCollector(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  /// Every token below `node` of the trie leaves with `bytes` of its own bytes used.
  void add(std::int32_t label, std::uint32_t token, Exit exit) {
    exit.token = token;
    exits_[label].push_back(exit);
  }

  template <typename Ends>
  void finish(Ends& ends) {
    for (auto& [label, exits] : exits_) {
      auto& end = ends.emplace_back();
      end.label = label;
      end.exits = std::move(exits);
      std::vector<std::pair<std::string_view, std::uint32_t>> entries;
      for (std::uint32_t i = 0; i < end.exits.size(); ++i) {
        const Exit& exit = end.exits[i];
        const std::string_view rest = rest_of(exit);
        if (rest.empty()) {
          end.without_rest.push_back(i);
        } else {
          entries.emplace_back(rest, i);
        }
      }
      end.rest = ByteTrie(std::move(entries));
    }
  }

 private:
  std::string_view rest_of(const Exit& exit) const {
    return vocabulary_.bytes(static_cast<std::int32_t>(exit.token)).substr(exit.bytes);
  }

  const Vocabulary& vocabulary_;
  std::map<std::int32_t, std::vector<Exit>> exits_;
};

/// Calls `each(token)` for the tokens of a node and of all nodes below it.
template <typename Each>
void below(const ByteTrie& trie, const ByteTrie::Node& node, const Each& each) {
  const auto first = static_cast<std::size_t>(&node - trie.nodes().data());
  for (std::size_t i = first; i < node.next; ++i) {
    for (const std::uint32_t token : trie.values(trie.nodes()[i])) each(token);
  }
}

}  // namespace

TokenMasks::TokenMasks(Grammar grammar, std::shared_ptr<const Vocabulary> vocabulary)
    : grammar_(std::move(grammar)),
      vocabulary_(std::move(vocabulary)),
      machine_(grammar_.program()) {
  if (grammar_.program().json && grammar_.program().documents) {
    fail("token masks want a grammar in the generation style");
  }
}

TokenMasks::~TokenMasks() = default;

/// Objects have too many states to keep, and leave few tokens, so they are walked every time.
bool TokenMasks::cacheable(const Thread& thread) const {
  switch (thread.place.kind) {
    case Place::kAutomaton:
    case Place::kString:
    case Place::kValue:
      return true;
    case Place::kKey:
      return machine_.others_open(thread.place);
    default:
      return false;
  }
}

TokenMasks::Key TokenMasks::key_of(const Place& place) const {
  const Escape& escape = place.escape;
  const std::uint64_t escaped =
      std::uint64_t{escape.phase} << 32 | std::uint64_t{escape.digits} << 16 | escape.unit;
  std::uintptr_t table = place.spec;
  if (place.kind == Place::kString) {
    // Strings that differ in their lengths alone share a mask.
    table = reinterpret_cast<std::uintptr_t>(grammar_.program().strings[place.spec].dfa.get());
  }
  return {place.kind, table, place.state, escaped};
}

const TokenMasks::PlaceMask& TokenMasks::mask_of(const Thread& thread) const {
  const Key key = key_of(thread.place);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = masks_.find(key); found != masks_.end()) return *found->second;
  }
  // Not under the lock: two threads may do the same work, but none waits for another's.
  const bool text = thread.place.kind == Place::kString || thread.place.kind == Place::kKey;
  std::unique_ptr<PlaceMask> mask = text ? walk_text(thread.place) : walk_any(thread.place);
  const std::lock_guard lock(mutex_);
  return *masks_.emplace(key, std::move(mask)).first->second;
}

std::unique_ptr<TokenMasks::PlaceMask> TokenMasks::walk_text(const Place& place) const {
  const bool key = place.kind == Place::kKey;
  const Program& program = grammar_.program();
  const ObjectSpec* object = key ? &program.objects[place.spec] : nullptr;
  const Dfa& dfa = key ? *object->keys : *program.strings[place.spec].dfa;
  const auto open = [&](const Place& p) {
    return !key || object->others_ahead[static_cast<std::size_t>(p.state)] > 0;
  };
  const ByteTrie& trie = vocabulary_->trie();
  auto mask = std::make_unique<PlaceMask>();
  mask->inside.resize(vocabulary_->mask_words());
  const bool counted = !key && &dfa == universal().get();
  if (counted) mask->inside_up_to.assign(kFar + 1, {});
  std::vector<std::vector<std::uint32_t>> by_characters(kFar + 1);
  EndCollector ends(*vocabulary_);
  struct State {
    Place place;
    bool plain = true;
  };
  State start;
  start.place = place;
  start.place.count = 0;
  start.place.members = nullptr;
  start.place.text = nullptr;
  bool quote = false;
  trie.walk(
      start,
      [&](const State& before, std::uint8_t byte, State& after) {
        quote = false;
        if (before.place.state == Dfa::kDead) return false;
        after = before;
        after.plain &= byte != '\\';
        const TextStep step =
            step_text(after.place, byte, dfa, kUnbounded, false, [](const Place&) { return true; });
        quote = step == TextStep::kQuote;
        return step == TextStep::kInside || quote;
      },
      [&](const ByteTrie::Node& node, State& state) {
        if (!quote) {
          for (const std::uint32_t token : trie.values(node)) {
            if (!open(state.place)) {
              mask->undecided.push_back(token);
            } else {
              set_bit(mask->inside, token);
              // An escape that has begun is a character to come.
              const bool escape = state.place.escape.phase != Escape::kNone;
              by_characters[std::min(state.place.count + escape, kFar)].push_back(token);
            }
          }
          return;
        }
        const std::int32_t label = dfa.label(state.place.state);
        if (label >= 0) {
          below(trie, node, [&](std::uint32_t token) {
            const std::uint32_t used = node.depth + std::uint32_t{1};
            const std::string_view rest =
                vocabulary_->bytes(static_cast<std::int32_t>(token)).substr(used);
            // What goes on to the next key must know this one.
            if (key && rest.find(',') != std::string_view::npos) {
              mask->undecided.push_back(token);
            } else {
              ends.add(key ? label : 0, token,
                       {0, static_cast<std::uint32_t>(state.place.count), used, state.plain});
            }
          });
        }
        // Nothing of the string comes behind its end.
        state.place.state = Dfa::kDead;
      });
  ends.finish(mask->ends);
  if (counted) {
    std::vector<std::uint64_t> sum(vocabulary_->mask_words(), 0);
    for (std::size_t n = 0; n <= kFar; ++n) {
      for (const std::uint32_t token : by_characters[n]) set_bit(sum, token);
      mask->inside_up_to[n] = sum;
    }
  }
  return mask;
}

std::unique_ptr<TokenMasks::PlaceMask> TokenMasks::walk_any(const Place& place) const {
  const ByteTrie& trie = vocabulary_->trie();
  auto mask = std::make_unique<PlaceMask>();
  mask->inside.resize(vocabulary_->mask_words());
  EndCollector ends(*vocabulary_);
  Place barrier;
  barrier.kind = Place::kBarrier;
  const Threads start = {Thread{place, std::make_shared<const Frame>(barrier, nullptr)}};
  trie.walk(
      start,
      [&](const Threads& before, std::uint8_t byte, Threads& after) {
        after = machine_.step(before, byte);
        return !after.empty();
      },
      [&](const ByteTrie::Node& node, Threads& threads) {
        const auto take = [&](Place::Kind kind) {
          return std::erase_if(threads, [&](const Thread& t) { return t.place.kind == kind; }) > 0;
        };
        // The byte just read was the first behind the end, or the last before it.
        const bool passed = take(Place::kPassed);
        const bool ended = std::ranges::any_of(
            threads, [](const Thread& t) { return t.place.kind == Place::kBarrier; });
        if (passed) {
          below(trie, node, [&](std::uint32_t token) {
            ends.add(0, token, {0, 0, node.depth, true});
          });
        }
        if (!threads.empty()) {
          for (const std::uint32_t token : trie.values(node)) set_bit(mask->inside, token);
        }
        if (ended) {
          take(Place::kBarrier);
          below(trie, node, [&](std::uint32_t token) {
            ends.add(0, token, {0, 0, node.depth + std::uint32_t{1}, true});
          });
        }
      });
  ends.finish(mask->ends);
  return mask;
}

void TokenMasks::fill(const Threads& threads, Mask bits) const {
  std::ranges::fill(bits, 0);
  for (const Thread& thread : threads) {
    if (cacheable(thread)) {
      add_cached(thread, bits);
    } else {
      add_walked(thread, bits);
    }
  }
}

void TokenMasks::add_cached(const Thread& thread, Mask bits) const {
  const PlaceMask& mask = mask_of(thread);
  const Place& place = thread.place;
  std::uint64_t room = kUnbounded;
  if (place.kind == Place::kString) {
    const StringSpec& spec = grammar_.program().strings[place.spec];
    if (spec.max != kUnbounded) room = spec.max - place.count;
  }
  add_inside(mask, room, bits);
  add_exits(mask, thread, bits);
  for (const std::uint32_t token : mask.undecided) {
    const Threads after =
        machine_.advance({thread}, vocabulary_->bytes(static_cast<std::int32_t>(token)));
    if (!after.empty()) set_bit(bits, token);
  }
}

void TokenMasks::add_inside(const PlaceMask& mask, std::uint64_t room, Mask bits) const {
  // Tokens of more than kFar characters stand in the last entry, and are left to be refused near a
  // limit: the shorter ones spell the same text.
  const bool limited = room != kUnbounded && !mask.inside_up_to.empty();
  const std::vector<std::uint64_t>& inside =
      limited ? mask.inside_up_to[std::min(room, kFar - 1)] : mask.inside;
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] |= inside[i];
}

void TokenMasks::add_exits(const PlaceMask& mask, const Thread& thread, Mask bits) const {
  const Place& place = thread.place;
  const StringSpec* string =
      place.kind == Place::kString ? &grammar_.program().strings[place.spec] : nullptr;
  const KeySet* known = place.kind == Place::kKey ? &place.members->others : nullptr;
  const auto leave = [&](const Exit& exit) {
    if (string) {
      const std::uint64_t length = place.count + exit.characters;
      if (length < string->min || length > string->max) return;
    }
    if (known && !known->empty()) {
      // Whether the key is new depends on all of it; read the token from its beginning.
      const std::string_view bytes = vocabulary_->bytes(static_cast<std::int32_t>(exit.token));
      if (machine_.advance({thread}, bytes).empty()) return;
    }
    set_bit(bits, exit.token);
  };
  for (const PlaceMask::End& end : mask.ends) {
    Threads behind;
    if (known) {
      if (!machine_.end_key(thread, end.label, ~place.hash, behind)) continue;
    } else {
      behind = {Machine::resume(thread.parent)};
    }
    for (const std::uint32_t i : end.without_rest) leave(end.exits[i]);
    end.rest.walk(
        behind,
        [&](const Threads& before, std::uint8_t byte, Threads& after) {
          after = machine_.step(before, byte);
          return !after.empty();
        },
        [&](const ByteTrie::Node& node, Threads&) {
          for (const std::uint32_t i : end.rest.values(node)) leave(end.exits[i]);
        });
  }
}

void TokenMasks::add_walked(const Thread& thread, Mask bits) const {
  const ByteTrie& trie = vocabulary_->trie();
  trie.walk(
      Threads{thread},
      [&](const Threads& before, std::uint8_t byte, Threads& after) {
        after = machine_.step(before, byte);
        return !after.empty();
      },
      [&](const ByteTrie::Node& node, Threads&) {
        for (const std::uint32_t token : trie.values(node)) set_bit(bits, token);
      });
}

void TokenMasks::prepare() const {
  constexpr std::size_t kStates = 200;
  const Program& program = grammar_.program();
  const auto walk = [&](Place::Kind kind, std::size_t spec, std::size_t states) {
    for (std::size_t s = 0; s < std::min(states, kStates); ++s) {
      Place place;
      place.kind = kind;
      place.spec = static_cast<std::uint32_t>(spec);
      place.state = static_cast<std::int32_t>(s);
      mask_of({place, nullptr});
    }
  };
  for (std::size_t i = 0; i < program.nodes.size(); ++i) walk(Place::kValue, i, 1);
  for (std::size_t i = 0; i < program.automata.size(); ++i) {
    walk(Place::kAutomaton, i, program.automata[i]->size());
  }
  for (std::size_t i = 0; i < program.strings.size(); ++i) {
    walk(Place::kString, i, program.strings[i].dfa->size());
  }
}

}  // namespace saccade::grammar
