#include "grammar/decimal.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace saccade::grammar {
namespace {

constexpr std::int64_t kMaxExponent = 1'000'000'000'000'000;

__extension__ using Wide = unsigned __int128;

std::uint64_t remainder(std::string_view digits, std::uint64_t divisor) {
  Wide value = 0;
  for (const char c : digits) value = (value * 10 + static_cast<Wide>(c - '0')) % divisor;
  return static_cast<std::uint64_t>(value);
}

std::uint64_t power_of_ten_modulo(std::int64_t exponent, std::uint64_t divisor) {
  Wide result = 1 % divisor;
  Wide base = 10 % divisor;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result = result * base % divisor;
    base = base * base % divisor;
  }
  return static_cast<std::uint64_t>(result);
}

/// The digits as a number; nullopt beyond 18 digits.
std::optional<std::uint64_t> small(std::string_view digits) {
  if (digits.size() > 18) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

}  // namespace

Decimal Decimal::parse(std::string_view text) {
  Decimal result;
  if (text.starts_with('-')) {
    result.negative_ = true;
    text.remove_prefix(1);
  }
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.remove_prefix(1);
    for (const char c : digits) {
      result.exponent_ = std::min(kMaxExponent, result.exponent_ * 10 + (c - '0'));
    }
    if (negative) result.exponent_ = -result.exponent_;
    text = text.substr(0, e);
  }
  const std::size_t point = text.find('.');
  result.digits_ = text.substr(0, point);
  if (point != std::string_view::npos) {
    result.digits_ += text.substr(point + 1);
    result.exponent_ -= static_cast<std::int64_t>(text.size() - point - 1);
  }
  result.digits_.erase(0, std::min(result.digits_.find_first_not_of('0'), result.digits_.size()));
  while (result.digits_.ends_with('0')) {
    result.digits_.pop_back();
    ++result.exponent_;
  }
  if (result.digits_.empty()) return Decimal();
  return result;
}

Decimal Decimal::of(const boost::json::value& value, std::string_view where) {
  if (value.is_int64()) return parse(fmt::format("{}", value.get_int64()));
  if (value.is_uint64()) return parse(fmt::format("{}", value.get_uint64()));
  const Decimal result = parse(fmt::format("{}", value.get_double()));
  // A text of up to 15 digits is the shortest one of its double, so that nothing is lost.
  constexpr std::size_t kExactDigits = 15;
  if (result.digits_.size() > kExactDigits) {
    fail("{}: a number of more than {} digits is not kept exactly; write fewer", where,
         kExactDigits);
  }
  return result;
}

std::string Decimal::whole_digits() const {
  const auto size = static_cast<std::int64_t>(digits_.size());
  if (zero() || size + exponent_ <= 0) return "0";
  if (exponent_ >= 0) return digits_ + std::string(static_cast<std::size_t>(exponent_), '0');
  return digits_.substr(0, static_cast<std::size_t>(size + exponent_));
}

std::string Decimal::fraction_digits() const {
  const auto size = static_cast<std::int64_t>(digits_.size());
  if (zero() || exponent_ >= 0) return "";
  if (size + exponent_ >= 0) return digits_.substr(static_cast<std::size_t>(size + exponent_));
  return std::string(static_cast<std::size_t>(-exponent_ - size), '0') + digits_;
}

std::string Decimal::text() const {
  const std::string fraction = fraction_digits();
  return (negative_ ? "-" : "") + whole_digits() + (fraction.empty() ? "" : "." + fraction);
}

Decimal Decimal::negated() const {
  Decimal result = *this;
  if (!zero()) result.negative_ = !negative_;
  return result;
}

bool Decimal::is_multiple_of(const Decimal& divisor) const {
  if (zero()) return true;
  // Digits do not end with a zero, so that a smaller power of ten leaves a fraction.
  if (exponent_ < divisor.exponent_) return false;
  const std::optional<std::uint64_t> by = small(divisor.digits_);
  if (!by) return false;
  const Wide product =
      Wide{remainder(digits_, *by)} * power_of_ten_modulo(exponent_ - divisor.exponent_, *by);
  return product % *by == 0;
}

std::strong_ordering Decimal::compare_magnitude(const Decimal& other) const {
  if (zero() || other.zero()) return !zero() <=> !other.zero();
  const auto size = static_cast<std::int64_t>(digits_.size()) + exponent_;
  const auto other_size = static_cast<std::int64_t>(other.digits_.size()) + other.exponent_;
  if (size != other_size) return size <=> other_size;
  return digits_.compare(other.digits_) <=> 0;
}

std::strong_ordering Decimal::operator<=>(const Decimal& other) const {
  if (negative_ != other.negative_) {
    return negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return negative_ ? other.compare_magnitude(*this) : compare_magnitude(other);
}

bool NumberSet::contains(const Decimal& value) const {
  if (low && (value < *low || (low_excluded && value == *low))) return false;
  if (high && (value > *high || (high_excluded && value == *high))) return false;
  if (integer && !value.is_integer()) return false;
  return !multiple || value.is_multiple_of(*multiple);
}

bool NumberSet::empty() const {
  if (!low || !high) return false;
  if (*low > *high || (*low == *high && (low_excluded || high_excluded))) return true;
  return *low == *high && !contains(*low);
}

namespace {

/// The least common multiple; nullopt beyond 18 digits.
std::optional<Decimal> common_multiple(const Decimal& a, const Decimal& b) {
  const std::int64_t exponent = std::min(a.exponent(), b.exponent());
  if (a.exponent() - exponent > 18 || b.exponent() - exponent > 18) return std::nullopt;
  const auto scaled = [&](const Decimal& d) {
    return small(d.digits() + std::string(static_cast<std::size_t>(d.exponent() - exponent), '0'));
  };
  const std::optional<std::uint64_t> x = scaled(a);
  const std::optional<std::uint64_t> y = scaled(b);
  if (!x || !y) return std::nullopt;
  const Wide product = Wide{*x / std::gcd(*x, *y)} * *y;
  if (product > Wide{1'000'000'000'000'000'000}) return std::nullopt;
  return Decimal::parse(fmt::format("{}e{}", static_cast<std::uint64_t>(product), exponent));
}

}  // namespace

NumberSet intersection(const NumberSet& a, const NumberSet& b, std::string_view where) {
  NumberSet both = a;
  both.integer |= b.integer;
  if (b.low && (!a.low || *b.low >= *a.low)) {
    both.low_excluded = b.low_excluded || (a.low && *a.low == *b.low && a.low_excluded);
    both.low = b.low;
  }
  if (b.high && (!a.high || *b.high <= *a.high)) {
    both.high_excluded = b.high_excluded || (a.high && *a.high == *b.high && a.high_excluded);
    both.high = b.high;
  }
  if (!a.multiple) {
    both.multiple = b.multiple;
  } else if (b.multiple) {
    both.multiple = common_multiple(*a.multiple, *b.multiple);
    if (!both.multiple)
      fail("{}: the least common multiple of several multipleOf is too large", where);
  }
  return both;
}

}  // namespace saccade::grammar
