// Numbers as text.
#pragma once

#include <string_view>

#include "grammar/decimal.h"
#include "grammar/dfa.h"

namespace saccade::grammar {

/// Every number that JSON can write.
const DfaPtr& json_number();

/// The numbers of `set` as a model is to write them: one way for one value as far as possible.
/// Without exponents where the set is bounded, with exponents of up to two digits where it is not;
/// integers without a fraction; a single value in its shortest form. A number ends: it has 20
/// digits before the point at most and 17 behind it, more only where a bound has more, and behind
/// the point of a multiple no more than that has. (Before the point of multiples with hundreds of
/// remainders a bound alone sets an end.) Digit by digit the automaton knows how the number
/// compares with its bounds and what remains of it modulo `multiple`, so it is exact. Throws Error,
/// naming `where`, when that takes too many states.
DfaPtr written_numbers(const NumberSet& set, std::string_view where);

}  // namespace saccade::grammar
