#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/numbers.h"
#include "text/jinja/printing.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

Value power(const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral() && right.as_integer() >= 0) {
    return Value::integer(checked_power(left.as_integer(), right.as_integer()));
  }
  const double base = left.as_double(), exponent = right.as_double();
  if (base == 0 && exponent < 0) raise("0.0 cannot be raised to a negative power");
  if (base < 0 && std::isfinite(exponent) && std::trunc(exponent) != exponent) {
    raise("complex numbers are not supported");
  }
  const double result = std::pow(base, exponent);
  if (std::isinf(result) && std::isfinite(base) && std::isfinite(exponent)) {
    raise("(34, 'Numerical result out of range')");
  }
  return Value::number(result);
}

Value divide(const Value& left, const Value& right) {
  if (right.as_double() == 0) {
    raise("{}", left.is_integral() && right.is_integral() ? "division by zero"
                                                          : "float division by zero");
  }
  return Value::number(left.as_double() / right.as_double());
}

Value integer_arithmetic(BinaryOp op, Integer left, Integer right) {
  switch (op) {
    case BinaryOp::kAdd:
      return Value::integer(checked_add(left, right));
    case BinaryOp::kSubtract:
      return Value::integer(checked_subtract(left, right));
    case BinaryOp::kMultiply:
      return Value::integer(checked_multiply(left, right));
    case BinaryOp::kFloorDivide:
      return Value::integer(floor_divide(left, right));
    default:
      return Value::integer(floor_modulo(left, right));
  }
}

Value float_arithmetic(BinaryOp op, double left, double right) {
  switch (op) {
    case BinaryOp::kAdd:
      return Value::number(left + right);
    case BinaryOp::kSubtract:
      return Value::number(left - right);
    case BinaryOp::kMultiply:
      return Value::number(left * right);
    case BinaryOp::kFloorDivide:
      return Value::number(floor_divide(left, right));
    default:
      return Value::number(floor_modulo(left, right));
  }
}

Value arithmetic(BinaryOp op, const Value& left, const Value& right) {
  if (op == BinaryOp::kPower) return power(left, right);
  if (op == BinaryOp::kDivide) return divide(left, right);
  if (left.is_integral() && right.is_integral()) {
    return integer_arithmetic(op, left.as_integer(), right.as_integer());
  }
  return float_arithmetic(op, left.as_double(), right.as_double());
}

Value add_strings(Runtime& runtime, const Value& left, const Value& right) {
  if (!left.is_safe() && !right.is_safe()) {
    std::string out;
    runtime.charge(left.as_string().size() + right.as_string().size());
    out.reserve(left.as_string().size() + right.as_string().size());
    return runtime.string(out.append(left.as_string()).append(right.as_string()));
  }
  return runtime.string(escape_html(left) + escape_html(right), true);
}

Value add_sequences(Runtime& runtime, const Value& left, const Value& right) {
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  return left.is(Type::kList) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

Value repeat(Runtime& runtime, const Value& value, Integer times) {
  times = std::max<Integer>(times, 0);
  const std::size_t size = value.is_string() ? value.as_string().size() : value.items().size();
  const std::size_t unit = value.is_string() ? 1 : sizeof(Value);
  if (size != 0 && times > static_cast<Integer>(kMaxTextBytes / (size * unit))) {
    raise("repeating makes a value of over {} bytes", kMaxTextBytes);
  }
  const auto count = size == 0 ? 0 : static_cast<std::size_t>(times);
  if (value.is_string()) {
    std::string out;
    out.reserve(size * count);
    for (std::size_t i = 0; i < count; ++i) out += value.as_string();
    return runtime.string(std::move(out), value.is_safe());
  }
  std::vector<Value> items;
  items.reserve(size * count);
  for (std::size_t i = 0; i < count; ++i) {
    items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return value.is(Type::kList) ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

[[noreturn]] void refuse(BinaryOp op, const Value& left, const Value& right) {
  if (left.is_undefined()) raise("{}", left.undefined_message());
  if (right.is_undefined()) raise("{}", right.undefined_message());
  if (op == BinaryOp::kAdd && left.is_string()) {
    raise("can only concatenate str (not \"{}\") to str", type_name(right));
  }
  if (op == BinaryOp::kAdd && left.is_sequence()) {
    raise("can only concatenate {0} (not \"{1}\") to {0}", type_name(left), type_name(right));
  }
  raise("unsupported operand type(s) for {}: '{}' and '{}'", kSymbols[static_cast<int>(op)],
        type_name(left), type_name(right));
}

bool numbers_less(const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) return left.as_integer() < right.as_integer();
  return left.as_double() < right.as_double();
}

/// Items that are equal are passed over; the first that differ decide.
bool sequences_less(const Value& left, const Value& right, std::string_view op) {
  const auto& a = left.items();
  const auto& b = right.items();
  const std::size_t shorter = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < shorter; ++i) {
    if (!ValueEqual()(a[i], b[i])) return less(a[i], b[i], op);
  }
  return a.size() < b.size();
}

bool is_nan(const Value& value) {
  return value.is(Type::kFloat) && std::isnan(value.as_double());
}

/// <= and >=: not the opposite of > for NaN, anywhere in a sequence.
bool less_or_equal(const Value& left, const Value& right, std::string_view op) {
  if (is_nan(left) || is_nan(right)) return false;
  const bool ordered = less(left, right, op);
  return ordered || equals(left, right);
}

}  // namespace

Value binary(Runtime& runtime, BinaryOp op, const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) return arithmetic(op, left, right);
  if (op == BinaryOp::kModulo && left.is_string()) {
    std::string text = format_percent(runtime, left.as_string(), right, left.is_safe());
    return runtime.string(std::move(text), left.is_safe());
  }
  if (op == BinaryOp::kAdd && left.is_string() && right.is_string()) {
    return add_strings(runtime, left, right);
  }
  if (op == BinaryOp::kAdd && left.is_sequence() && right.is_sequence() &&
      left.type() == right.type()) {
    return add_sequences(runtime, left, right);
  }
  const auto repeatable = [](const Value& v) { return v.is_string() || v.is_sequence(); };
  if (op == BinaryOp::kMultiply && repeatable(left) && right.is_integral()) {
    return repeat(runtime, left, right.as_integer());
  }
  if (op == BinaryOp::kMultiply && left.is_integral() && repeatable(right)) {
    return repeat(runtime, right, left.as_integer());
  }
  refuse(op, left, right);
}

Value negate(const Value& operand) {
  if (operand.is_integral()) return Value::integer(checked_subtract(0, operand.as_integer()));
  if (operand.is_number()) return Value::number(-operand.as_double());
  if (operand.is_undefined()) raise("{}", operand.undefined_message());
  raise("bad operand type for unary -: '{}'", type_name(operand));
}

Value plus(const Value& operand) {
  if (operand.is_integral()) return Value::integer(operand.as_integer());
  if (operand.is_number()) return operand;
  if (operand.is_undefined()) raise("{}", operand.undefined_message());
  raise("bad operand type for unary +: '{}'", type_name(operand));
}

bool less(const Value& left, const Value& right, std::string_view op) {
  if (left.is_number() && right.is_number()) return numbers_less(left, right);
  if (left.is_string() && right.is_string()) return left.as_string() < right.as_string();
  if (left.is_sequence() && left.type() == right.type()) return sequences_less(left, right, op);
  if (left.is_undefined()) raise("{}", left.undefined_message());
  if (right.is_undefined()) raise("{}", right.undefined_message());
  const bool swapped = op.starts_with('>');  // a > b is asked as b < a
  raise("'{}' not supported between instances of '{}' and '{}'", op,
        type_name(swapped ? right : left), type_name(swapped ? left : right));
}

bool compare(Runtime& runtime, CompareOp op, const Value& left, const Value& right) {
  runtime.charge(std::min(left.weight(), right.weight()));
  switch (op) {
    case CompareOp::kEqual:
      return equals(left, right);
    case CompareOp::kNotEqual:
      return !equals(left, right);
    case CompareOp::kLess:
      return less(left, right, "<");
    case CompareOp::kGreater:
      return less(right, left, ">");
    case CompareOp::kLessEqual:
      return less_or_equal(left, right, "<=");
    case CompareOp::kGreaterEqual:
      return less_or_equal(right, left, ">=");
    case CompareOp::kIn:
      return contains(runtime, right, left);
    case CompareOp::kNotIn:
      return !contains(runtime, right, left);
  }
  return false;
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (!item.is_string()) {
      raise("'in <string>' requires string as left operand, not {}", type_name(item));
    }
    runtime.charge_search(container.as_string().size(), item.as_string().size());
    return container.as_string().find(item.as_string()) != std::string::npos;
  }
  if (container.is_dict()) {
    if (!hashable(item)) raise("unhashable type: '{}'", type_name(item));
    return container.as_dict().find(item) != nullptr;
  }
  const bool iterable = container.is_sequence() || container.is_undefined() ||
                        (container.is_object() && container.as_object()->iterable());
  if (!iterable) raise("argument of type '{}' is not iterable", type_name(container));
  const auto items = runtime.iterate(container);
  runtime.charge(std::min(items->weight, item.weight() * items->items.size()));
  return std::any_of(items->items.begin(), items->items.end(),
                     [&](const Value& other) { return ValueEqual()(other, item); });
}

std::size_t length_of(const Value& value) {
  if (value.is_string()) return count_code_points(value.as_string());
  if (value.is_sequence()) return value.items().size();
  if (value.is_dict()) return value.as_dict().size();
  if (value.is_undefined()) return 0;
  if (value.is_object()) {
    if (const auto length = value.as_object()->length()) return *length;
  }
  raise("object of type '{}' has no len()", type_name(value));
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escape_html(const Value& value) {
  return value.is_safe() ? value.as_string() : escape_html(str(value));
}

}  // namespace saccade::text::jinja
