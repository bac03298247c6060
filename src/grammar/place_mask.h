// What a vocabulary can do at one place of a grammar, whatever lies behind the place's end.
#pragma once

#include <cstdint>
#include <vector>

#include "grammar/byte_trie.h"
#include "grammar/machine.h"
#include "grammar/token_set.h"
#include "grammar/vocabulary.h"

namespace saccade::grammar {

/// A token that leaves a place.
struct Exit {
  std::uint32_t token;
  std::uint32_t characters;  // of the string before its end
  std::uint32_t bytes;       // of the token before its end
  bool plain;                // without an escape among them
};

/// Many tokens that leave a place alike: a part of the vocabulary's trie, whose topmost nodes are
/// the first bytes behind the end.
struct ExitRange {
  ByteTrie::Range range;
  std::uint32_t characters;
};

struct PlaceMask {
  /// Tokens that stay inside. In strings whose length is limited they cost the characters that they
  /// add and those that are then needed to come to an end.
  TokenSet inside;
  /// Tokens that only a walk of their own can decide.
  std::vector<std::uint32_t> undecided;

  /// Tokens that reach the end, by the label of the automaton there.
  struct End {
    std::int32_t label = 0;
    std::vector<Exit> exits;
    std::vector<std::uint32_t> without_rest;  // indices of exits
    ByteTrie rest;                            // the others, by the bytes they have left
    std::vector<ExitRange> ranges;
  };
  std::vector<End> ends;

  std::size_t memory_bytes() const;
};

/// In a string's text, of any length so far. `limited` prepares for a limit.
PlaceMask string_mask(const Vocabulary& vocabulary, const Dfa& dfa, const Place& place,
                      bool limited);

/// In a key, where others than those that the schema names may come.
PlaceMask key_mask(const Vocabulary& vocabulary, const ObjectSpec& object, const Place& place);

/// Before a value, or in an automaton.
PlaceMask value_mask(const Vocabulary& vocabulary, const Machine& machine, const Place& place);

}  // namespace saccade::grammar
