// Which tokens may come next.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>
#include <vector>

#include "grammar/grammar.h"
#include "grammar/machine.h"
#include "grammar/vocabulary.h"

namespace saccade::grammar {

/// A grammar and a vocabulary with what was found out about them: answers to one grammar share one,
/// also between threads.
///
/// Whether a token is allowed mostly depends on the innermost place alone: a letter may go on a
/// string wherever the string stands. So for each place the whole vocabulary is walked once, with
/// nothing known of what lies behind the place's end. That gives the tokens that stay inside, and
/// for those that reach the end the bytes that are left (`",`, `"}`); a mask is then the first as
/// they are, and a walk of the few different remainders along the actual stack.
class TokenMasks {
 public:
  /// Throws Error for JSON in the document style, where a text may begin in ways that it cannot go
  /// on.
  TokenMasks(Grammar grammar, std::shared_ptr<const Vocabulary> vocabulary);
  ~TokenMasks();

  const Grammar& grammar() const { return grammar_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  const Machine& machine() const { return machine_; }

  /// Sets the bits of the tokens that may follow `threads`, and of no others. End tokens are left
  /// to the caller. `bits` has Vocabulary::mask_words() words.
  void fill(const Threads& threads, std::span<std::uint64_t> bits) const;

  /// Walks the vocabulary at the places that answers spend their time at, so that the first of them
  /// does not have to: inside every string and automaton of the grammar that is not too large.
  void prepare() const;

 private:
  struct PlaceMask;
  /// Kind, automaton or table entry, state, escape.
  using Key = std::tuple<int, std::uintptr_t, std::int32_t, std::uint64_t>;

  bool cacheable(const Thread& thread) const;
  Key key_of(const Place& place) const;
  const PlaceMask& mask_of(const Thread& thread) const;
  std::unique_ptr<PlaceMask> walk_text(const Place& place) const;
  std::unique_ptr<PlaceMask> walk_any(const Place& place) const;
  void add_cached(const Thread& thread, std::span<std::uint64_t> bits) const;
  void add_inside(const PlaceMask& mask, std::uint64_t room, std::span<std::uint64_t> bits) const;
  void add_exits(const PlaceMask& mask, const Thread& thread, std::span<std::uint64_t> bits) const;
  void add_walked(const Thread& thread, std::span<std::uint64_t> bits) const;

  Grammar grammar_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  Machine machine_;
  mutable std::mutex mutex_;  // of masks_, whose entries stay where they are
  mutable std::map<Key, std::unique_ptr<PlaceMask>> masks_;
};

}  // namespace saccade::grammar
