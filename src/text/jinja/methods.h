// The methods of Python's built-in types, by name.
#pragma once

#include <optional>
#include <string_view>

#include "text/jinja/object.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

struct Method {
  std::string_view name;
  BoundMethod::Function function = nullptr;
};

/// The method of a value's type, or nothing. A method that Python has and we do not is found too:
/// calling it raises, naming it.
const Method* find_method(const Value& self, std::string_view name);

/// Whether jinja2's immutable sandbox forbids the attribute: append, pop, update and so on.
bool is_forbidden(const Value& self, std::string_view name);

/// value.name of a number: real, imag, numerator, denominator; missing otherwise.
Value number_attribute(const Value& self, std::string_view name);

// The tables find_method looks into, one a file.
const Method* find_string_method(std::string_view name);
const Method* find_string_query(std::string_view name);
const Method* find_container_method(const Value& self, std::string_view name);

}  // namespace saccade::text::jinja
