// Pieces of JSON made of what models write in other notations.
#pragma once

#include <string>
#include <string_view>

namespace saccade::server {

/// A text as a JSON string has it, without the quotes.
std::string escaped_json(std::string_view text);

/// Python's True, False and None, which templates write, as JSON's words; anything else as it is.
std::string python_literal(std::string_view text);

}  // namespace saccade::server
