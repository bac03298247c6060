// The two ways in which Python formats text: "%s" % values and "{}".format(values).
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

/// text % values, where `values` is a tuple, a dict or one value. `escape`: the text is Markup,
/// which escapes what is put into it.
std::string format_percent(Runtime& runtime, std::string_view text, const Value& values,
                           bool escape);

/// text.format(*arguments), with attributes and items looked up as the sandbox does.
std::string format_braces(Runtime& runtime, std::string_view text, const Arguments& arguments,
                          bool escape);

/// How a number or text is laid out in a field:
/// [[fill]align][sign][#][0][width][,][.precision][type]
struct FormatSpec {
  char32_t fill = U' ';
  char align = '\0';  ///< one of < > ^ =, or none
  char sign = '-';    ///< one of + - and space
  bool alternate = false;
  char grouping = '\0';  ///< , or _
  std::size_t width = 0;
  int precision = -1;
  char type = '\0';
};

/// Reads a format specification. Raises when it is malformed.
FormatSpec parse_format_spec(std::string_view text);
/// format(value, spec).
std::string format_value(const Value& value, const FormatSpec& spec);
/// Fills text up to the width; `prefix` bytes of sign stay left of the fill for '='.
std::string pad(std::string_view text, std::size_t prefix, const FormatSpec& spec);

}  // namespace saccade::text::jinja
