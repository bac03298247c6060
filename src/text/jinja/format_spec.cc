// Python's format specifications: what stands behind the colon in "{:>8.2f}".
#include <algorithm>
#include <cmath>

#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/limits.h"
#include "text/jinja/numbers.h"
#include "text/jinja/printing.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

bool is_align(char32_t c) {
  return c == U'<' || c == U'>' || c == U'^' || c == U'=';
}

std::size_t take_number(std::u32string_view& text) {
  std::size_t number = 0;
  while (!text.empty() && text[0] >= U'0' && text[0] <= U'9') {
    number = number * 10 + static_cast<std::size_t>(text[0] - U'0');
    if (number > kMaxTextBytes) raise("Too many decimal digits in format string");
    text.remove_prefix(1);
  }
  return number;
}

bool take(std::u32string_view& text, char32_t wanted) {
  if (text.empty() || text[0] != wanted) return false;
  text.remove_prefix(1);
  return true;
}

/// Puts a separator between groups of digits, from the right.
std::string group_digits(const std::string& digits, char separator, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % size == 0) out += separator;
    out += digits[i];
  }
  return out;
}

std::string sign_of(bool negative, char style) {
  if (negative) return "-";
  return style == '-' ? "" : std::string(1, style);
}

void make_upper(std::string& text) {
  text = upper(text);
}

/// Zero padding goes between the digits' separators too: format(1234, '08,') is 0,001,234.
std::string grouped(std::string digits, const FormatSpec& spec, std::size_t size,
                    std::size_t others) {
  if (spec.grouping == '\0') return digits;
  std::string out = group_digits(digits, spec.grouping, size);
  if (spec.fill != U'0' || spec.align != '=') return out;
  while (out.size() + others < spec.width) {
    digits.insert(0, "0");
    out = group_digits(digits, spec.grouping, size);
  }
  return out;
}

std::string format_integer(Integer value, const FormatSpec& spec) {
  if (spec.precision >= 0) raise("Precision not allowed in integer format specifier");
  if (spec.type == 'c') {
    if (value < 0 || value > 0x10FFFF) raise("%c arg not in range(0x110000)");
    std::string out;
    append_utf8(out, static_cast<char32_t>(value));
    return pad(out, 0, spec);
  }
  const char kind = spec.type;
  const int base = kind == 'x' || kind == 'X' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
  std::string prefix = sign_of(value < 0, spec.sign);
  if (spec.alternate && base != 10) prefix += std::string("0") + kind;
  std::string digits = integer_digits(value, base);
  if (kind == 'X') make_upper(digits);
  digits = grouped(digits, spec, base == 10 ? 3 : 4, prefix.size());
  return pad(prefix + digits, prefix.size(), spec);
}

std::string float_digits(double magnitude, const FormatSpec& spec) {
  const auto style =
      static_cast<char>(spec.type >= 'A' && spec.type <= 'Z' ? spec.type - 'A' + 'a' : spec.type);
  const int precision = spec.precision < 0 ? 6 : spec.precision;
  if (style == '%') return float_format(magnitude * 100, 'f', precision, spec.alternate) + "%";
  if (style == 'e' || style == 'f' || style == 'g') {
    return float_format(magnitude, style, precision, spec.alternate);
  }
  if (style != '\0' && style != 'n') raise("Unknown format code '{}' for a float", spec.type);
  if (spec.precision < 0) return float_repr(magnitude);
  // Without a type: like g, with at least one digit behind the point.
  std::string out = float_format(magnitude, 'g', precision, false);
  if (out.find_first_of(".en") == std::string::npos) out += ".0";
  return out;
}

std::string format_float(double value, const FormatSpec& spec) {
  const bool negative = std::signbit(value) && value == value;
  std::string digits = float_digits(negative ? -value : value, spec);
  if (spec.type >= 'A' && spec.type <= 'Z') make_upper(digits);
  const std::string prefix = sign_of(negative, spec.sign);
  if (spec.grouping != '\0') {
    const std::size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
    const std::size_t others = prefix.size() + digits.size() - whole;
    digits = grouped(digits.substr(0, whole), spec, 3, others) + digits.substr(whole);
  }
  return pad(prefix + digits, prefix.size(), spec);
}

std::string format_text(const std::string& text, FormatSpec spec) {
  if (spec.sign != '-' || spec.alternate || spec.grouping != '\0') {
    raise("this format specifier is not allowed with strings");
  }
  if (spec.align == '=') raise("'=' alignment not allowed in string format specifier");
  if (spec.align == '\0') spec.align = '<';
  if (spec.precision < 0) return pad(text, 0, spec);
  const std::u32string points = to_code_points(text);
  const auto kept = static_cast<std::size_t>(spec.precision);
  return pad(to_utf8(std::u32string_view(points).substr(0, kept)), 0, spec);
}

}  // namespace

FormatSpec parse_format_spec(std::string_view text) {
  const std::u32string points = to_code_points(text);
  std::u32string_view rest = points;
  FormatSpec spec;
  if (rest.size() > 1 && is_align(rest[1])) {
    spec.fill = rest[0];
    spec.align = static_cast<char>(rest[1]);
    rest.remove_prefix(2);
  } else if (!rest.empty() && is_align(rest[0])) {
    spec.align = static_cast<char>(rest[0]);
    rest.remove_prefix(1);
  }
  for (const char32_t sign : {U'+', U'-', U' '}) {
    if (take(rest, sign)) {
      spec.sign = static_cast<char>(sign);
      break;
    }
  }
  spec.alternate = take(rest, U'#');
  if (!rest.empty() && rest[0] == U'0' && spec.align == '\0') {
    spec.fill = U'0';
    spec.align = '=';
  }
  spec.width = take_number(rest);
  for (const char32_t separator : {U',', U'_'}) {
    if (take(rest, separator)) spec.grouping = static_cast<char>(separator);
  }
  if (take(rest, U'.')) {
    if (rest.empty() || rest[0] < U'0' || rest[0] > U'9')
      raise("Format specifier missing precision");
    spec.precision = static_cast<int>(take_number(rest));
  }
  if (rest.size() > 1 || (rest.size() == 1 && rest[0] > 0x7F)) {
    raise("Invalid format specifier '{}'", text);
  }
  if (rest.size() == 1) spec.type = static_cast<char>(rest[0]);
  return spec;
}

std::string pad(std::string_view text, std::size_t prefix, const FormatSpec& spec) {
  const std::size_t size = count_code_points(text);
  if (size >= spec.width) return std::string(text);
  const std::size_t missing = spec.width - size;
  const char align = spec.align == '\0' ? '>' : spec.align;
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string out;
  if (align == '=') out += text.substr(0, prefix);
  for (std::size_t i = 0; i < left; ++i) append_utf8(out, spec.fill);
  out += align == '=' ? text.substr(prefix) : text;
  for (std::size_t i = left; i < missing; ++i) append_utf8(out, spec.fill);
  return out;
}

std::string format_value(const Value& value, const FormatSpec& spec) {
  constexpr std::string_view kIntegerTypes = "bcdnoxX";
  constexpr std::string_view kFloatTypes = "eEfFgG%";
  const bool plain = spec.type == '\0';
  if (value.is_string()) {
    if (!plain && spec.type != 's') raise("Unknown format code '{}' for 'str'", spec.type);
    return format_text(value.as_string(), spec);
  }
  if (value.is(Type::kBool) && plain && spec.width == 0) return str(value);
  if (value.is_integral() && (plain || kIntegerTypes.find(spec.type) != std::string_view::npos)) {
    return format_integer(value.as_integer(), spec);
  }
  if (value.is_number() &&
      (kFloatTypes.find(spec.type) != std::string_view::npos || !value.is_integral())) {
    return format_float(value.as_double(), spec);
  }
  if (value.is_number()) {
    raise("Unknown format code '{}' for object of type '{}'", spec.type, type_name(value));
  }
  raise("unsupported format string passed to {}.__format__", type_name(value));
}

}  // namespace saccade::text::jinja
