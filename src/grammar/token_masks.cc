#include "grammar/token_masks.h"

#include <algorithm>

#include "base/error.h"
#include "grammar/string_text.h"

namespace saccade::grammar {

TokenMasks::TokenMasks(Grammar grammar, std::shared_ptr<const Vocabulary> vocabulary,
                       std::size_t max_bytes)
    : grammar_(std::move(grammar)),
      vocabulary_(std::move(vocabulary)),
      machine_(grammar_.program()),
      max_bytes_(max_bytes) {
  if (grammar_.program().json && grammar_.program().documents) {
    fail("token masks want a grammar in the generation style");
  }
  for (const std::string& token : grammar_.program().special_tokens) {
    if (vocabulary_->has_special(token)) continue;
    fail("the grammar asks for the special token \"{}\", which this model does not have", token);
  }
  for (const StringSpec& spec : grammar_.program().strings) {
    if (spec.max != kUnbounded) limited_.insert(spec.dfa.get());
  }
}

std::size_t TokenMasks::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

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

PlaceMask TokenMasks::walk_place(const Place& place) const {
  const Program& program = grammar_.program();
  switch (place.kind) {
    case Place::kString: {
      const Dfa& dfa = *program.strings[place.spec].dfa;
      return string_mask(*vocabulary_, dfa, place, limited_.contains(&dfa));
    }
    case Place::kKey:
      return key_mask(*vocabulary_, program.objects[place.spec], place);
    default:
      return value_mask(*vocabulary_, machine_, place);
  }
}

TokenMasks::PlaceMaskPtr TokenMasks::mask_of(const Place& place) const {
  const Key key = key_of(place);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = masks_.find(key); found != masks_.end()) return found->second;
  }
  // Not under the lock: two threads may do the same work, but none waits for another's.
  const auto mask = std::make_shared<const PlaceMask>(walk_place(place));
  const std::size_t size = mask->memory_bytes();
  const std::lock_guard lock(mutex_);
  if (bytes_ + size > max_bytes_) {
    masks_.clear();
    bytes_ = 0;
  }
  const auto [entry, added] = masks_.emplace(key, mask);
  if (added) bytes_ += size;
  return entry->second;
}

void TokenMasks::fill(const Threads& threads, TokenBits bits) const {
  std::ranges::fill(bits, 0);
  for (const Thread& thread : threads) {
    if (cacheable(thread)) {
      add_cached(thread, bits);
    } else {
      add_walked(thread, bits);
    }
  }
}

void TokenMasks::add_cached(const Thread& thread, TokenBits bits) const {
  const PlaceMaskPtr mask = mask_of(thread.place);
  const Place& place = thread.place;
  std::uint64_t room = kUnbounded;
  if (place.kind == Place::kString) {
    const StringSpec& spec = grammar_.program().strings[place.spec];
    if (spec.max != kUnbounded) room = spec.max - place.count;
  }
  mask->inside.add_to(bits, room);
  add_exits(*mask, thread, bits);
  for (const std::uint32_t token : mask->undecided) {
    if (!machine_.advance({thread}, vocabulary_->bytes(token)).empty()) set_token(bits, token);
  }
}

void TokenMasks::add_exits(const PlaceMask& mask, const Thread& thread, TokenBits bits) const {
  const Place& place = thread.place;
  const StringSpec* string =
      place.kind == Place::kString ? &grammar_.program().strings[place.spec] : nullptr;
  const bool key = place.kind == Place::kKey;
  const auto fits = [&](std::uint32_t characters) {
    if (!string) return true;
    const std::uint64_t length = place.count + characters;
    return length >= string->min && length <= string->max;
  };
  const auto leave = [&](const Exit& exit) {
    if (!fits(exit.characters)) return;
    if (key && !place.members->others.empty()) {
      // The object must not have this key already.
      const std::string_view bytes = vocabulary_->bytes(exit.token);
      if (!exit.plain) {
        if (machine_.advance({thread}, bytes).empty()) return;
      } else if (place.members->others.has(
                     hash_text(place.hash, bytes.substr(0, exit.bytes - 1)))) {
        return;
      }
    }
    set_token(bits, exit.token);
  };
  const auto step = [&](const Threads& before, std::uint8_t byte, Threads& after) {
    machine_.step(before, byte, after);
    return !after.empty();
  };
  for (const PlaceMask::End& end : mask.ends) {
    Threads behind;
    if (!key) {
      behind = {Machine::resume(thread.parent)};
    } else if (!machine_.end_key(thread, end.label, ~place.hash, behind)) {
      // (Which key it was only matters to the keys behind it, and no exit reaches those.)
      continue;
    }
    for (const std::uint32_t i : end.without_rest) leave(end.exits[i]);
    end.rest.walk(end.rest.all(), behind, step, [&](const ByteTrie::Node& node, Threads&) {
      for (const std::uint32_t i : end.rest.values(node)) leave(end.exits[i]);
    });
    const ByteTrie& trie = vocabulary_->trie();
    for (const ExitRange& range : end.ranges) {
      if (!fits(range.characters)) continue;
      trie.walk(range.range, behind, step, [&](const ByteTrie::Node& node, Threads&) {
        for (const std::uint32_t token : trie.values(node)) set_token(bits, token);
      });
    }
  }
}

void TokenMasks::add_walked(const Thread& thread, TokenBits bits) const {
  const ByteTrie& trie = vocabulary_->trie();
  trie.walk(
      trie.all(), Threads{thread},
      [&](const Threads& before, std::uint8_t byte, Threads& after) {
        machine_.step(before, byte, after);
        return !after.empty();
      },
      [&](const ByteTrie::Node& node, Threads&) {
        for (const std::uint32_t token : trie.values(node)) set_token(bits, token);
      });
}

}  // namespace saccade::grammar
