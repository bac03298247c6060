// str() and repr() of values.
#pragma once

#include <string>

#include "text/jinja/value.h"

namespace saccade::text::jinja {

/// Appends str(value): what {{ value }} prints.
void append_str(std::string& out, const Value& value);
/// Appends repr(value); `depth` counts the containers around it. Raises when they are too many.
void append_repr(std::string& out, const Value& value, int depth = 0);
/// Appends text in quotes, escaped as Python's repr does.
void append_quoted(std::string& out, std::string_view text);

std::string str(const Value& value);
std::string repr(const Value& value);

}  // namespace saccade::text::jinja
