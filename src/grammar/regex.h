// Regular expressions: the subset of ECMA-262 that describes regular languages.
#pragma once

#include <string_view>

#include "grammar/dfa.h"
#include "grammar/nfa.h"

namespace saccade::grammar {

enum class RegexMatch {
  kWhole,   ///< the expression stands for the whole text
  kSearch,  ///< somewhere in it, as JSON Schema's `pattern`; ^ and $ hold on to its ends
};

/// The texts that match. Supported: classes, \d \w \s and their opposites, character escapes,
/// groups, alternation, ^, $ and all quantifiers (lazy ones are the same language). Throws Error
/// for lookaround, backreferences, \b and \p by name, for mistakes with their place, and for an
/// expression whose automaton is too large.
DfaPtr compile_regex(std::string_view pattern, RegexMatch match);

/// Reads the inside of one escape that stands for a single character: after the backslash, at
/// `position`, which moves behind it. Shared with GBNF.
char32_t read_hex(std::string_view text, std::size_t& position, std::size_t digits);

}  // namespace saccade::grammar
