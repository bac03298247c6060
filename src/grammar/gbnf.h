// GBNF, the grammar language of llama.cpp.
#pragma once

#include <string>
#include <string_view>

#include "grammar/program.h"

namespace saccade::grammar {

/// Compiles the rules of `text`, beginning with `root`; `where` names it in errors. Rules that do
/// not refer to themselves become part of those that use them, so that a grammar without recursion
/// is one automaton. Throws Error with line and column for mistakes, and for left recursion,
/// undefined rules and grammars that nothing matches.
Program compile_gbnf(std::string_view text, const std::string& where);

}  // namespace saccade::grammar
