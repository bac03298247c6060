#include "text/jinja/numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <vector>

#include "text/jinja/fault.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

constexpr std::string_view kTooLarge = "an integer beyond 128 bits is not supported";
// More digits than any double has before or behind its point.
constexpr int kMostDigits = 1100;

std::string not_finite(double value) {
  if (std::isnan(value)) return "nan";
  return value < 0 ? "-inf" : "inf";
}

std::string to_chars(double value, std::chars_format format, int precision) {
  std::vector<char> buffer(static_cast<std::size_t>(precision) + 400);
  const auto result =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format, precision);
  return {buffer.data(), result.ptr};
}

/// The fewest digits that read back the same, as 1.5e-07.
std::string shortest_scientific(double value) {
  char buffer[64];
  const auto result =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  return {buffer, result.ptr};
}

/// Drops the zeros at the end of the fraction, and a bare point.
void drop_trailing_zeros(std::string& digits) {
  if (digits.find('.') == std::string::npos) return;
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
}

std::string general_format(double value, int precision, bool alternate) {
  precision = std::max(precision, 1);
  std::string scientific = to_chars(value, std::chars_format::scientific, precision - 1);
  const std::size_t mark = scientific.find('e');
  int exponent = 0;
  const char* digits = scientific.data() + mark + 1;
  if (*digits == '+') ++digits;
  std::from_chars(digits, scientific.data() + scientific.size(), exponent);
  if (exponent < -4 || exponent >= precision) {
    std::string mantissa = scientific.substr(0, mark);
    if (!alternate) drop_trailing_zeros(mantissa);
    return mantissa + scientific.substr(mark);
  }
  std::string fixed = to_chars(value, std::chars_format::fixed, precision - 1 - exponent);
  if (!alternate) drop_trailing_zeros(fixed);
  return fixed;
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

/// Reads 0x, 0o or 0b where the base allows it. Returns the base of the digits that follow.
int take_prefix(std::string_view& text, int base) {
  const char mark = text.size() > 1 && text[0] == '0' ? text[1] : ' ';
  const int named = mark == 'x' || mark == 'X'   ? 16
                    : mark == 'o' || mark == 'O' ? 8
                    : mark == 'b' || mark == 'B' ? 2
                                                 : 0;
  if (named != 0 && (base == 0 || base == named)) {
    text.remove_prefix(2);
    if (!text.empty() && text[0] == '_') text.remove_prefix(1);
    return named;
  }
  return base == 0 ? 10 : base;
}

/// The text without white space around, its digits those of ASCII whatever script they are in.
std::string plain_digits(std::string_view text) {
  text = strip(text, true, true);
  if (is_ascii(text)) return std::string(text);
  std::string out;
  for (const char32_t c : to_code_points(text)) {
    append_utf8(out, is_decimal(c) ? U'0' + static_cast<char32_t>(decimal_value(c)) : c);
  }
  return out;
}

/// The text without underscores between digits; nothing when one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() && digit_value(text[i - 1]) < 36 &&
                         digit_value(text[i + 1]) < 36;
    if (!between) return std::nullopt;
  }
  return out;
}

}  // namespace

std::string float_repr(double value) {
  if (!std::isfinite(value)) return not_finite(value);
  std::string scientific = shortest_scientific(value);
  const std::size_t mark = scientific.find('e');
  const int exponent = std::stoi(scientific.substr(mark + 1));
  if (exponent < -4 || exponent >= 16) return scientific;
  char buffer[64];
  const auto fixed =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed);
  std::string out(buffer, fixed.ptr);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

std::string float_format(double value, char style, int precision, bool alternate) {
  if (!std::isfinite(value)) return not_finite(value);
  if (precision > kMostDigits) raise("a precision of {} digits is not supported", precision);
  if (style == 'g') return general_format(value, precision, alternate);
  const auto format = style == 'e' ? std::chars_format::scientific : std::chars_format::fixed;
  std::string out = to_chars(value, format, precision);
  if (alternate && precision == 0) out.insert(std::min(out.find('e'), out.size()), ".");
  return out;
}

std::string integer_digits(Integer value, int base) {
  __extension__ typedef unsigned __int128 Unsigned;
  auto magnitude = static_cast<Unsigned>(value);
  if (value < 0) magnitude = Unsigned{0} - magnitude;
  std::string out;
  do {
    out += "0123456789abcdef"[static_cast<int>(magnitude % static_cast<Unsigned>(base))];
    magnitude /= static_cast<Unsigned>(base);
  } while (magnitude != 0);
  std::reverse(out.begin(), out.end());
  return out;
}

std::string integer_repr(Integer value) {
  return (value < 0 ? "-" : "") + integer_digits(value, 10);
}

std::optional<Integer> parse_integer(std::string_view source, int base) {
  const std::string plain = plain_digits(source);
  std::string_view text = plain;
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const bool bare_zero_prefix = base == 0 && text.size() > 1 && text[0] == '0';
  const int digits_base = take_prefix(text, base);
  const std::optional<std::string> digits = without_underscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  Integer value = 0;
  for (const char c : *digits) {
    const int digit = digit_value(c);
    if (digit >= digits_base) return std::nullopt;
    value = checked_subtract(checked_multiply(value, digits_base), digit);  // negative: one more
  }
  // With base 0 Python takes 010 for a mistake, and 000 for zero.
  if (bare_zero_prefix && digits_base == 10 && value != 0) return std::nullopt;
  return negative ? value : checked_subtract(0, value);
}

std::optional<double> parse_float(std::string_view source) {
  const std::string plain = plain_digits(source);
  std::string_view text = plain;
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const std::string word = lower(text);
  double value = 0;
  if (word == "inf" || word == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (word == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    const std::optional<std::string> digits = without_underscores(text);
    const bool starts_well =
        digits && !digits->empty() && (digit_value((*digits)[0]) < 10 || (*digits)[0] == '.');
    if (!starts_well) return std::nullopt;
    const char* end = digits->data() + digits->size();
    const auto result = std::from_chars(digits->data(), end, value);
    if (result.ptr != end || result.ec == std::errc::invalid_argument) return std::nullopt;
    if (result.ec == std::errc::result_out_of_range) {
      const bool tiny = word.find("e-") != std::string::npos;
      value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
    }
  }
  return negative ? -value : value;
}

double round_float(double value, Integer digits) {
  if (!std::isfinite(value) || digits > 400) return value;
  if (digits < -400) return std::copysign(0.0, value);
  if (digits >= 0) {
    return parse_float(to_chars(value, std::chars_format::fixed, static_cast<int>(digits)))
        .value_or(value);
  }
  // The digits before the point: scientific notation, cut at the wanted place.
  if (value == 0) return value;
  const std::string whole = shortest_scientific(value);
  const int exponent = std::stoi(whole.substr(whole.find('e') + 1));
  const int kept = exponent + static_cast<int>(digits);
  if (kept >= 0) {
    return parse_float(to_chars(value, std::chars_format::scientific, kept)).value_or(value);
  }
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::fabs(value) > unit / 2 ? std::copysign(unit, value) : std::copysign(0.0, value);
}

Integer round_integer(Integer value, Integer digits) {
  if (digits >= 0) return value;
  if (digits < -38) return 0;
  const Integer unit = checked_power(10, -digits);
  const Integer rest = floor_modulo(value, unit);
  const Integer below = value - rest;
  const Integer twice = checked_multiply(rest, 2);
  const bool odd = floor_modulo(floor_divide(below, unit), 2) != 0;
  return twice > unit || (twice == unit && odd) ? checked_add(below, unit) : below;
}

Integer truncate(double value) {
  if (std::isnan(value)) raise("cannot convert float NaN to integer");
  if (std::isinf(value)) raise("cannot convert float infinity to integer");
  if (std::fabs(value) > 1.7e38) raise("{}", kTooLarge);
  return static_cast<Integer>(value);
}

Integer checked_add(Integer left, Integer right) {
  Integer result = 0;
  if (__builtin_add_overflow(left, right, &result)) raise("{}", kTooLarge);
  return result;
}

Integer checked_subtract(Integer left, Integer right) {
  Integer result = 0;
  if (__builtin_sub_overflow(left, right, &result)) raise("{}", kTooLarge);
  return result;
}

Integer checked_multiply(Integer left, Integer right) {
  // Not __builtin_mul_overflow: for 128 bits clang calls a function that only compiler-rt has.
  if (left == 0 || right == 0) return 0;
  constexpr Integer kMost = static_cast<Integer>(~(static_cast<unsigned long long>(0)) >> 1);
  const bool small = left >= -kMost && left <= kMost && right >= -kMost && right <= kMost;
  if (small) return left * right;
  const double estimate = static_cast<double>(left) * static_cast<double>(right);
  if (std::fabs(estimate) > 1.7e38) raise("{}", kTooLarge);
  return left * right;
}

Integer checked_power(Integer base, Integer exponent) {
  Integer result = 1;
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (Integer i = 0; i < exponent; ++i) result = checked_multiply(result, base);
  return result;
}

Integer floor_divide(Integer left, Integer right) {
  if (right == 0) raise("integer division or modulo by zero");
  if (right == -1) return checked_subtract(0, left);
  const Integer quotient = left / right;
  return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
}

Integer floor_modulo(Integer left, Integer right) {
  if (right == 0) raise("integer modulo by zero");
  if (right == -1) return 0;
  const Integer rest = left % right;
  return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}

double floor_modulo(double left, double right) {
  if (right == 0) raise("float modulo by zero");
  const double rest = std::fmod(left, right);
  if (rest == 0) return std::copysign(0.0, right);
  return (rest < 0) != (right < 0) ? rest + right : rest;
}

double floor_divide(double left, double right) {
  if (right == 0) raise("float floor division by zero");
  const double rest = floor_modulo(left, right);
  const double quotient = (left - rest) / right;
  if (quotient == 0) return std::copysign(0.0, left / right);
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

}  // namespace saccade::text::jinja
