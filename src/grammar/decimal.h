// Exact decimal numbers, for bounds and multiples.
#pragma once

#include <boost/json.hpp>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace saccade::grammar {

/// A number as JSON writes it, exactly: sign, digits without zeros at either end, and a power of
/// ten.
class Decimal {
 public:
  Decimal() = default;
  /// Of a JSON number's text, which must be well formed. Exponents beyond 10^15 saturate there.
  static Decimal parse(std::string_view text);
  /// Of a parsed number. Throws Error, naming `where`, when it was written with more digits than
  /// double precision keeps, so that its exact value is unknown.
  static Decimal of(const boost::json::value& value, std::string_view where);

  bool zero() const { return digits_.empty(); }
  bool negative() const { return negative_; }
  /// digits() * 10^exponent() is the magnitude.
  const std::string& digits() const { return digits_; }
  std::int64_t exponent() const { return exponent_; }
  /// Digits before the decimal point and behind it, without exponent: {"12", "5"}.
  std::string whole_digits() const;
  std::string fraction_digits() const;
  /// Plain text without exponent: -0.5, 120.
  std::string text() const;
  bool is_integer() const { return zero() || exponent_ >= 0; }
  bool is_multiple_of(const Decimal& divisor) const;
  Decimal negated() const;

  std::strong_ordering operator<=>(const Decimal& other) const;
  bool operator==(const Decimal& other) const = default;

 private:
  std::strong_ordering compare_magnitude(const Decimal& other) const;

  bool negative_ = false;
  std::string digits_;
  std::int64_t exponent_ = 0;
};

/// Numbers of an interval, perhaps only integers or multiples.
struct NumberSet {
  std::optional<Decimal> low, high;
  bool low_excluded = false;
  bool high_excluded = false;
  bool integer = false;
  std::optional<Decimal> multiple;

  bool contains(const Decimal& value) const;
  bool everything() const { return !low && !high && !integer && !multiple; }
  bool only_integers() const { return integer && !low && !high && !multiple; }
  /// One value alone.
  bool single() const { return low && high && *low == *high; }
  bool operator==(const NumberSet&) const = default;
  /// Whether it is certainly empty; integers and multiples between bounds are not looked for.
  bool empty() const;
};

/// Throws Error, naming `where`, when the common multiple is too large to keep.
NumberSet intersection(const NumberSet& a, const NumberSet& b, std::string_view where);

}  // namespace saccade::grammar
