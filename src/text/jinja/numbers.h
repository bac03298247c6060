// Numbers as Python reads, writes and rounds them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/value.h"

namespace saccade::text::jinja {

/// repr(float): the shortest digits that read back the same; 1e+16, 1e-05, 0.1, inf, nan.
std::string float_repr(double value);
/// format(value, '.<precision><style>') for style e, f or g, in lower case; alternate: '#'.
std::string float_format(double value, char style, int precision, bool alternate = false);
std::string integer_repr(Integer value);
/// The digits of |value| in base 2, 8, 10 or 16, in lower case.
std::string integer_digits(Integer value, int base);

/// int(text, base): white space around, a sign, underscores between digits; base 0 reads a prefix.
/// Nothing when the text is no integer. Raises when the integer is too large.
std::optional<Integer> parse_integer(std::string_view text, int base);
/// float(text), with inf, nan and underscores. Nothing when the text is no number.
std::optional<double> parse_float(std::string_view text);

/// round(value, digits), half to even on the exact binary value.
double round_float(double value, Integer digits);
Integer round_integer(Integer value, Integer digits);

/// int(float). Raises for infinities and NaN, and when it is too large.
Integer truncate(double value);

// Arithmetic that raises where 128 bits do not hold the result.
Integer checked_add(Integer left, Integer right);
Integer checked_subtract(Integer left, Integer right);
Integer checked_multiply(Integer left, Integer right);
Integer checked_power(Integer base, Integer exponent);
/// Rounded towards minus infinity, as Python's // does. Raises on 0.
Integer floor_divide(Integer left, Integer right);
/// With the sign of the divisor, as Python's % has it. Raises on 0.
Integer floor_modulo(Integer left, Integer right);
double floor_modulo(double left, double right);
double floor_divide(double left, double right);

}  // namespace saccade::text::jinja
