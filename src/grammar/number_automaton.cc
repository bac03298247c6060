#include "grammar/number_automaton.h"

#include <fmt/format.h>

#include <array>
#include <tuple>

#include "base/error.h"
#include "grammar/regex.h"

namespace saccade::grammar {
namespace {

constexpr std::int64_t kMaxBoundDigits = 400;  // what doubles reach, and then some
constexpr std::uint64_t kMaxDivisor = 20'000;
// A model that writes zeros one after the other would never end. Every 64-bit integer has no more
// digits than this, and no double is told from its neighbours by more behind its first one.
constexpr std::int32_t kWholeDigits = 20;
constexpr std::int32_t kFractionDigits = 17;

/// The digits of a bound's magnitude around its point.
struct Bound {
  std::string whole, fraction;
};

/// How the digits so far compare with a bound's. While the whole part is read its length is not
/// known, so `read` counts digits and `order` compares them as if the lengths were equal.
struct Comparison {
  std::int32_t read = 0;  // digits of this part compared so far, one more than there are at most
  std::int8_t order = 0;  // -1, 0, 1
  auto operator<=>(const Comparison&) const = default;
};

void add_whole_digit(Comparison& c, const Bound& bound, char digit) {
  const auto size = static_cast<std::int32_t>(bound.whole.size());
  if (c.read < size && c.order == 0) {
    const char other = bound.whole[static_cast<std::size_t>(c.read)];
    c.order = digit < other ? -1 : digit > other ? 1 : 0;
  }
  if (c.read <= size) ++c.read;
  // What is longer is larger, whatever its digits.
  if (c.read > size) c.order = 1;
}

/// The whole part has ended.
void end_whole(Comparison& c, const Bound& bound) {
  const auto size = static_cast<std::int32_t>(bound.whole.size());
  if (c.read < size) c.order = -1;
  c.read = 0;
}

void add_fraction_digit(Comparison& c, const Bound& bound, char digit) {
  if (c.order != 0) return;
  const auto size = static_cast<std::int32_t>(bound.fraction.size());
  const char other = c.read < size ? bound.fraction[static_cast<std::size_t>(c.read)] : '0';
  c.order = digit < other ? -1 : digit > other ? 1 : 0;
  c.read = c.order == 0 ? std::min(c.read + 1, size) : 0;
}

/// The number has ended: digits that the bound still has make it larger.
int final_order(const Comparison& c, const Bound& bound) {
  if (c.order != 0) return c.order;
  return c.read < static_cast<std::int32_t>(bound.fraction.size()) ? -1 : 0;
}

struct State {
  enum Phase : std::int8_t { kStart, kMinus, kZero, kWhole, kPoint, kFraction };
  Phase phase = kStart;
  bool negative = false;
  Comparison low, high;
  std::int32_t digits = 0;      // of this part, where they are counted
  std::uint64_t remainder = 0;  // of all digits so far
  auto operator<=>(const State&) const = default;
};

class Automaton {
 public:
  Automaton(const NumberSet& set, std::string_view where) : set_(set) {
    if (set.low) low_ = bound_of(*set.low, where);
    if (set.high) high_ = bound_of(*set.high, where);
    if (set.multiple) set_multiple(*set.multiple, where);
    const std::size_t whole = std::max(low_.whole.size(), high_.whole.size());
    const std::size_t fraction = std::max(low_.fraction.size(), high_.fraction.size());
    // One more than a bound has, so that there is a number between any two.
    max_whole_ = std::max(kWholeDigits, static_cast<std::int32_t>(whole) + 1);
    max_fraction_ =
        set.multiple ? places_ : std::max(kFractionDigits, static_cast<std::int32_t>(fraction) + 1);
    // Beside each remainder, of either sign; half of the states are left for the bounds.
    const auto counts = static_cast<std::uint64_t>(max_whole_ + max_fraction_ + 2);
    counts_whole_ = 2 * divisor_ * counts <= kMaxDfaStates / 2;
  }

  Dfa build(std::string_view where) const {
    const ByteClasses classes = ByteClasses::by([](std::uint8_t byte) {
      const bool known = (byte >= '0' && byte <= '9') || byte == '-' || byte == '.';
      return std::vector<std::int32_t>{known ? byte : 0};
    });
    return explore(
        State{}, classes, [&](const State& s, std::uint8_t byte) { return next(s, byte); },
        [&](const State& s) { return ends(s) ? 0 : -1; }, where);
  }

 private:
  static Bound bound_of(const Decimal& value, std::string_view where) {
    const auto size = static_cast<std::int64_t>(value.digits().size());
    if (value.exponent() > kMaxBoundDigits || size - value.exponent() > kMaxBoundDigits) {
      fail("{}: a bound with more than {} digits is not supported", where, kMaxBoundDigits);
    }
    return {value.whole_digits(), value.fraction_digits()};
  }

  void set_multiple(const Decimal& multiple, std::string_view where) {
    places_ = static_cast<std::int32_t>(std::max<std::int64_t>(0, -multiple.exponent()));
    const std::int64_t zeros = std::max<std::int64_t>(0, multiple.exponent());
    divisor_ = kMaxDivisor + 1;
    if (multiple.digits().size() + static_cast<std::size_t>(std::min<std::int64_t>(zeros, 9)) <=
        5) {
      divisor_ = std::stoull(multiple.digits() + std::string(static_cast<std::size_t>(zeros), '0'));
    }
    if (divisor_ > kMaxDivisor || places_ > kMaxBoundDigits) {
      fail("{}: multipleOf {} has more than {} remainders, which is not supported", where,
           multiple.digits(), kMaxDivisor);
    }
  }

  bool fraction_allowed() const { return !set_.integer && (!set_.multiple || places_ > 0); }

  std::optional<State> next(const State& s, std::uint8_t byte) const {
    State t = s;
    if (byte == '-') {
      if (s.phase != State::kStart) return std::nullopt;
      t.phase = State::kMinus;
      t.negative = true;
      return t;
    }
    if (byte == '.') {
      if ((s.phase != State::kZero && s.phase != State::kWhole) || !fraction_allowed()) {
        return std::nullopt;
      }
      end_whole(t.low, low_);
      end_whole(t.high, high_);
      t.digits = 0;
      t.phase = State::kPoint;
      return t;
    }
    if (byte < '0' || byte > '9' || s.phase == State::kZero) return std::nullopt;
    const bool fraction = s.phase == State::kPoint || s.phase == State::kFraction;
    if (!add_digit(t, static_cast<char>(byte), fraction)) return std::nullopt;
    if (fraction) {
      t.phase = State::kFraction;
    } else {
      const bool first = s.phase == State::kStart || s.phase == State::kMinus;
      t.phase = first && byte == '0' ? State::kZero : State::kWhole;
      // "-0" is nothing but 0 where there are no fractions.
      if (t.phase == State::kZero && t.negative && !fraction_allowed()) return std::nullopt;
    }
    return t;
  }

  /// Whether digits of the whole part are counted: where a bound ends it, they need not be.
  bool counts_whole(const State& s) const {
    return counts_whole_ && !(s.negative ? set_.low : set_.high);
  }

  /// False: there are enough digits.
  bool add_digit(State& t, char digit, bool fraction) const {
    if (fraction || counts_whole(t)) {
      if (t.digits == (fraction ? max_fraction_ : max_whole_)) return false;
      ++t.digits;
    }
    const auto add = fraction ? add_fraction_digit : add_whole_digit;
    if (set_.low) add(t.low, low_, digit);
    if (set_.high) add(t.high, high_, digit);
    if (set_.multiple) {
      t.remainder = (t.remainder * 10 + static_cast<std::uint64_t>(digit - '0')) % divisor_;
    }
    return true;
  }

  bool ends(const State& s) const {
    if (s.phase != State::kZero && s.phase != State::kWhole && s.phase != State::kFraction) {
      return false;
    }
    if (set_.low && !holds(s, s.low, *set_.low, low_, set_.low_excluded, 1)) return false;
    if (set_.high && !holds(s, s.high, *set_.high, high_, set_.high_excluded, -1)) return false;
    if (!set_.multiple) return true;
    std::uint64_t remainder = s.remainder;
    const std::int32_t places = s.phase == State::kFraction ? s.digits : 0;
    for (std::int32_t i = places; i < places_; ++i) remainder = remainder * 10 % divisor_;
    return remainder == 0;
  }

  /// Whether a number lies on the side `wanted` (1: above) of a bound.
  static bool holds(const State& s, Comparison c, const Decimal& value, const Bound& bound,
                    bool excluded, int wanted) {
    if (s.phase != State::kFraction) end_whole(c, bound);
    int order = final_order(c, bound);
    if (s.negative != value.negative()) {
      // -0.0 equals 0, which order cannot tell here.
      const bool both_zero = value.zero() && order == 0;
      order = both_zero ? 0 : s.negative ? -1 : 1;
    } else if (s.negative) {
      order = -order;
    }
    return order == wanted || (order == 0 && !excluded);
  }

  const NumberSet& set_;
  Bound low_, high_;
  std::int32_t places_ = 0;  // digits behind the point that a multiple may have
  std::uint64_t divisor_ = 1;
  std::int32_t max_whole_ = 0;
  std::int32_t max_fraction_ = 0;
  bool counts_whole_ = false;  // they do not come to too many states
};

}  // namespace

const DfaPtr& json_number() {
  static const DfaPtr dfa =
      compile_regex("-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", RegexMatch::kWhole);
  return dfa;
}

DfaPtr written_numbers(const NumberSet& set, std::string_view where) {
  if (set.empty()) return std::make_shared<const Dfa>();
  if (set.everything()) {
    static const DfaPtr dfa = compile_regex(
        fmt::format("-?(?:0|[1-9][0-9]{{0,{}}})(?:\\.[0-9]{{1,{}}})?(?:[eE][+-]?[0-9]{{1,2}})?",
                    kWholeDigits - 1, kFractionDigits),
        RegexMatch::kWhole);
    return dfa;
  }
  if (set.single()) return literals(std::array{set.low->text()});
  return std::make_shared<const Dfa>(Automaton(set, where).build(where));
}

}  // namespace saccade::grammar
