// Values of a JSON Schema between tags: strings as they are, everything else as JSON.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "grammar/program.h"

namespace saccade::grammar {

/// Calls of rules below zero are of nodes: -1 is node 0.
inline constexpr std::int32_t node_rule(std::size_t node) {
  return -1 - static_cast<std::int32_t>(node);
}
inline constexpr std::uint32_t node_of_rule(std::int32_t rule) {
  return static_cast<std::uint32_t>(-1 - rule);
}

/// The automaton of a value of `schema` and the text `end` behind it, which a string's text does
/// not have in it; nor has it the letters of `end` where that is a special token, so that who reads
/// letters alone sees where it ends. What is no string is read by nodes, which are added to
/// `program` with all that they need. Throws Error as compile_schema.
DfaPtr tagged_value(const boost::json::value& schema, std::string_view end,
                    const std::string& where, Program& program);

/// The automaton of a value of `schema` as JSON. Likewise.
DfaPtr json_value(const boost::json::value& schema, const std::string& where, Program& program);

}  // namespace saccade::grammar
