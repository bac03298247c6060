// JSON Schema's formats as regular expressions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grammar/program.h"

namespace saccade::grammar {

struct Format {
  DfaPtr dfa;
  std::uint64_t max = kUnbounded;  ///< characters
};

/// The texts of a format: date, time, date-time, duration, email, uri, uuid, ipv4, ipv6, hostname;
/// nullopt for any other name.
std::optional<Format> format_of(std::string_view name);

}  // namespace saccade::grammar
