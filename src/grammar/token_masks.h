// Which tokens may come next.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <tuple>

#include "grammar/grammar.h"
#include "grammar/machine.h"
#include "grammar/place_mask.h"
#include "grammar/vocabulary.h"

namespace saccade::grammar {

/// A grammar bound to a vocabulary, with what was found out about the two: answers to one grammar
/// share one, also between threads.
///
/// Whether a token is allowed mostly depends on the innermost place alone: a letter may go on a
/// string wherever the string stands. So for each place the whole vocabulary is walked once, with
/// nothing known of what lies behind the place's end (place_mask.h). That gives the tokens that
/// stay inside, and for those that reach the end the bytes that are left (`",`, `"}`); a mask is
/// then the first as they are, and a walk of the few different remainders along the actual stack.
class TokenMasks {
 public:
  /// What is found out about places is forgotten when it comes to more than this.
  static constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

  /// Throws Error for JSON in the document style, where a text may begin in ways that it cannot go
  /// on, and for special tokens that the vocabulary does not have.
  TokenMasks(Grammar grammar, std::shared_ptr<const Vocabulary> vocabulary,
             std::size_t max_bytes = kMaxBytes);

  const Grammar& grammar() const { return grammar_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  const Machine& machine() const { return machine_; }

  /// Sets the bits of the tokens that may follow `threads`, and of no others. End tokens are left
  /// to the caller. `bits` has Vocabulary::mask_words() words.
  void fill(const Threads& threads, TokenBits bits) const;

  /// Bytes that are kept of places now.
  std::size_t memory_bytes() const;

 private:
  using PlaceMaskPtr = std::shared_ptr<const PlaceMask>;
  /// Kind, automaton or table entry, state, escape.
  using Key = std::tuple<int, std::uintptr_t, std::int32_t, std::uint64_t>;

  bool cacheable(const Thread& thread) const;
  Key key_of(const Place& place) const;
  PlaceMaskPtr mask_of(const Place& place) const;
  PlaceMask walk_place(const Place& place) const;
  void add_cached(const Thread& thread, TokenBits bits) const;
  void add_exits(const PlaceMask& mask, const Thread& thread, TokenBits bits) const;
  void add_walked(const Thread& thread, TokenBits bits) const;

  Grammar grammar_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  Machine machine_;
  std::set<const Dfa*> limited_;  // of strings of which some have a maximal length
  std::size_t max_bytes_;
  mutable std::mutex mutex_;  // of what follows
  mutable std::map<Key, PlaceMaskPtr> masks_;
  mutable std::size_t bytes_ = 0;
};

}  // namespace saccade::grammar
