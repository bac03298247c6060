// JSON Schema's formats as regular expressions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grammar/dfa.h"

namespace saccade::grammar {

/// The texts of a format: date, time, date-time, duration, email, uri, uuid, ipv4, ipv6, hostname;
/// null for any other name.
DfaPtr format_automaton(std::string_view name);

}  // namespace saccade::grammar
