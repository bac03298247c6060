#include "grammar/place_mask.h"

#include <algorithm>
#include <map>

#include "grammar/string_text.h"

namespace saccade::grammar {
namespace {

/// Parts of the vocabulary's trie with more tokens than this are walked where they are; copying
/// them (and sorting them anew) would take most of the time.
constexpr std::size_t kLargeRange = 256;

/// Gathers the exits of one place.
class EndCollector {
 public:
  explicit EndCollector(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  /// A token leaves with all of its bytes, or some of them.
  void add(std::int32_t label, const Exit& exit) { ends_[label].exits.push_back(exit); }

  /// All tokens of a part of the trie leave just before its topmost nodes.
  void add_range(std::int32_t label, const ByteTrie::Range& range, std::uint32_t characters,
                 bool plain) {
    const auto tokens = vocabulary_.trie().values(range);
    if (tokens.size() > kLargeRange) {
      ends_[label].ranges.push_back({range, characters});
      return;
    }
    for (const std::uint32_t token : tokens) add(label, {token, characters, range.depth, plain});
  }

  std::vector<PlaceMask::End> finish() {
    std::vector<PlaceMask::End> ends;
    for (auto& [label, end] : ends_) {
      end.label = label;
      std::vector<std::pair<std::string_view, std::uint32_t>> rests;
      for (std::uint32_t i = 0; i < end.exits.size(); ++i) {
        const Exit& exit = end.exits[i];
        const std::string_view rest = vocabulary_.bytes(exit.token).substr(exit.bytes);
        if (rest.empty()) {
          end.without_rest.push_back(i);
        } else {
          rests.emplace_back(rest, i);
        }
      }
      end.rest = ByteTrie(std::move(rests));
      ends.push_back(std::move(end));
    }
    return ends;
  }

 private:
  const Vocabulary& vocabulary_;
  std::map<std::int32_t, PlaceMask::End> ends_;
};

/// The part of a Place that a string's text changes: what a walk copies at every node.
struct TextState {
  std::int32_t state = 0;
  std::uint32_t characters = 0;
  Escape escape;
  bool plain = true;    // no escape among the bytes so far
  bool quoted = false;  // behind the closing quote
};

Place place_of(const TextState& text) {
  Place place;
  place.state = text.state;
  place.count = text.characters;
  place.escape = text.escape;
  return place;
}

/// Reads a byte of a string's text; false where there is none to read.
bool step_text_state(const Dfa& dfa, const TextState& before, std::uint8_t byte, TextState& after) {
  if (before.quoted) return false;
  after = before;
  if (before.escape.phase == Escape::kNone && byte >= 0x20 && byte != '"' && byte != '\\') {
    after.state = dfa.step(before.state, byte);
    if (begins_character(byte)) ++after.characters;
    return after.state != Dfa::kDead;
  }
  Place place = place_of(before);
  const TextStep step =
      step_text(place, byte, dfa, kUnbounded, false, [](const Place&) { return true; });
  if (step == TextStep::kRefused) return false;
  after.state = place.state;
  after.characters = static_cast<std::uint32_t>(place.count);
  after.escape = place.escape;
  after.plain &= byte != '\\';
  after.quoted = step == TextStep::kQuote;
  return true;
}

TextState text_at(const Place& place) {
  TextState text;
  text.state = place.state;
  text.escape = place.escape;
  text.plain = place.escape.phase == Escape::kNone;
  return text;
}

using Costs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

}  // namespace

std::size_t PlaceMask::memory_bytes() const {
  std::size_t sum = inside.memory_bytes() + undecided.size() * 4;
  for (const End& end : ends) {
    sum += end.exits.size() * (sizeof(Exit) + 4) + end.rest.memory_bytes() +
           end.ranges.size() * sizeof(ExitRange);
  }
  return sum;
}

PlaceMask string_mask(const Vocabulary& vocabulary, const Dfa& dfa, const Place& place,
                      bool limited) {
  const ByteTrie& trie = vocabulary.trie();
  const std::vector<std::uint32_t> shortest =
      limited ? dfa.shortest() : std::vector<std::uint32_t>();
  const bool any_text = &dfa == universal().get();
  PlaceMask mask;
  Costs inside;
  EndCollector ends(vocabulary);
  const auto stay = [&](const TextState& text, std::uint32_t token) {
    const bool escape = text.escape.phase != Escape::kNone;
    if (limited && escape && !any_text) {
      // Which character the escape will stand for says how many must follow.
      mask.undecided.push_back(token);
    } else {
      const std::uint32_t needed =
          limited ? text.characters + escape + shortest[static_cast<std::size_t>(text.state)] : 0;
      inside.emplace_back(needed, token);
    }
  };
  trie.walk(
      trie.all(), text_at(place),
      [&](const TextState& before, std::uint8_t byte, TextState& after) {
        return step_text_state(dfa, before, byte, after);
      },
      [&](const ByteTrie::Node& node, const TextState& text) {
        if (!text.quoted) {
          for (const std::uint32_t token : trie.values(node)) stay(text, token);
        } else if (dfa.accepts(text.state)) {
          for (const std::uint32_t token : trie.values(node)) {
            ends.add(0, {token, text.characters, node.depth + std::uint32_t{1}, text.plain});
          }
          ends.add_range(0, trie.below(node), text.characters, text.plain);
        }
      });
  mask.inside = TokenSet(inside, vocabulary.mask_words());
  mask.ends = ends.finish();
  return mask;
}

PlaceMask key_mask(const Vocabulary& vocabulary, const ObjectSpec& object, const Place& place) {
  const ByteTrie& trie = vocabulary.trie();
  const Dfa& dfa = *object.keys;
  PlaceMask mask;
  Costs inside;
  EndCollector ends(vocabulary);
  const auto open = [&](const Place& p) {
    return object.others_ahead[static_cast<std::size_t>(p.state)] > 0;
  };
  // Other keys may come, so whatever leads to one may; the names depend on those there are already.
  const auto stay = [&](const TextState& text, std::uint32_t token) {
    const bool certain = text.escape.phase == Escape::kNone
                             ? open(place_of(text))
                             : escape_can_end(place_of(text), dfa, kUnbounded, open);
    if (certain) {
      inside.emplace_back(0, token);
    } else {
      mask.undecided.push_back(token);
    }
  };
  const auto leave = [&](const TextState& text, std::int32_t label, std::uint32_t used,
                         std::uint32_t token) {
    // What goes on to the next key must know this one.
    if (vocabulary.bytes(token).substr(used).find(',') != std::string_view::npos) {
      mask.undecided.push_back(token);
    } else {
      ends.add(label, {token, text.characters, used, text.plain});
    }
  };
  trie.walk(
      trie.all(), text_at(place),
      [&](const TextState& before, std::uint8_t byte, TextState& after) {
        return step_text_state(dfa, before, byte, after);
      },
      [&](const ByteTrie::Node& node, const TextState& text) {
        const std::uint32_t used = node.depth + std::uint32_t{1};
        if (!text.quoted) {
          for (const std::uint32_t token : trie.values(node)) stay(text, token);
        } else if (const std::int32_t label = dfa.label(text.state); label >= 0) {
          for (const std::uint32_t token : trie.values(node)) leave(text, label, used, token);
          for (const std::uint32_t token : trie.values(trie.below(node))) {
            leave(text, label, used, token);
          }
        }
      });
  mask.inside = TokenSet(inside, vocabulary.mask_words());
  mask.ends = ends.finish();
  return mask;
}

PlaceMask value_mask(const Vocabulary& vocabulary, const Machine& machine, const Place& place) {
  const ByteTrie& trie = vocabulary.trie();
  Costs inside;
  EndCollector ends(vocabulary);
  // Without a parent: what ends there is done.
  const Threads start = {Thread{place, nullptr}};
  if (machine.complete(start)) ends.add_range(0, trie.all(), 0, true);
  trie.walk(
      trie.all(), start,
      [&](const Threads& before, std::uint8_t byte, Threads& after) {
        machine.step(before, byte, after);
        return !after.empty();
      },
      [&](const ByteTrie::Node& node, Threads& threads) {
        const auto tokens = trie.values(node);
        const std::uint32_t used = node.depth + std::uint32_t{1};
        if (machine.complete(threads)) {
          for (const std::uint32_t token : tokens) ends.add(0, {token, 0, used, true});
          ends.add_range(0, trie.below(node), 0, true);
        }
        std::erase_if(threads, [](const Thread& t) { return t.place.kind == Place::kDone; });
        if (threads.empty()) return;
        for (const std::uint32_t token : tokens) inside.emplace_back(0, token);
      });
  PlaceMask mask;
  mask.inside = TokenSet(inside, vocabulary.mask_words());
  mask.ends = ends.finish();
  return mask;
}

}  // namespace saccade::grammar
