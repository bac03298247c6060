// Filters that make numbers, or read them.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "text/jinja/attribute_path.h"
#include "text/jinja/fault.h"
#include "text/jinja/filters.h"
#include "text/jinja/numbers.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

Value absolute(Runtime&, const Arguments& arguments) {
  const Value value = bind_arguments("abs", arguments, {"x"}, 1)[0];
  if (value.is_undefined()) raise("{}", value.undefined_message());
  if (!value.is_number()) raise("bad operand type for abs(): '{}'", type_name(value));
  if (!value.is_integral()) return Value::number(std::fabs(value.as_double()));
  const Integer integer = value.as_integer();
  return Value::integer(integer < 0 ? checked_subtract(0, integer) : integer);
}

/// int(value), or nothing where Python raises TypeError or ValueError.
std::optional<Integer> to_integer(const Value& value, int base) {
  if (value.is_string()) return parse_integer(value.as_string(), base);
  if (value.is_integral()) return value.as_integer();
  if (!value.is_number() || std::isnan(value.as_double())) return std::nullopt;
  return truncate(value.as_double());
}

std::optional<double> to_double(const Value& value) {
  if (value.is_string()) return parse_float(value.as_string());
  if (value.is_number()) return value.as_double();
  return std::nullopt;
}

Value integer(Runtime&, const Arguments& arguments) {
  const auto bound = bind_arguments("int", arguments, {"value", "default", "base"}, 1);
  if (bound[0].is_undefined()) raise("{}", bound[0].undefined_message());
  const Integer base = integer_or(bound[2], "a base", 10);
  if (base != 0 && (base < 2 || base > 36)) raise("int() base must be >= 2 and <= 36, or 0");
  if (const auto exact = to_integer(bound[0], static_cast<int>(base))) {
    return Value::integer(*exact);
  }
  // "42.23" is 42 too.
  const auto real = to_double(bound[0]);
  if (real && std::isfinite(*real)) return Value::integer(truncate(*real));
  return bound[1].is_missing() ? Value::integer(0) : bound[1];
}

Value real(Runtime&, const Arguments& arguments) {
  const auto bound = bind_arguments("float", arguments, {"value", "default"}, 1);
  if (bound[0].is_undefined()) raise("{}", bound[0].undefined_message());
  if (const auto number = to_double(bound[0])) return Value::number(*number);
  return bound[1].is_missing() ? Value::number(0) : bound[1];
}

Value round(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("round", arguments, {"value", "precision", "method"}, 1);
  const Value& value = bound[0];
  const Integer digits = integer_or(bound[1], "the precision", 0);
  const std::string method = bound[2].is_missing() ? "common" : str(bound[2]);
  if (method != "common" && method != "ceil" && method != "floor") {
    raise("method must be common, ceil or floor");
  }
  if (value.is_undefined()) raise("{}", value.undefined_message());
  if (!value.is_number()) {
    raise("type {} doesn't define __round__ method", type_name(value));
  }
  if (method == "common") {
    return value.is_integral() ? Value::integer(round_integer(value.as_integer(), digits))
                               : Value::number(round_float(value.as_double(), digits));
  }
  const Value unit = binary(runtime, BinaryOp::kPower, Value::integer(10), Value::integer(digits));
  const double scaled = binary(runtime, BinaryOp::kMultiply, value, unit).as_double();
  const Integer whole = truncate(method == "ceil" ? std::ceil(scaled) : std::floor(scaled));
  return binary(runtime, BinaryOp::kDivide, Value::integer(whole), unit);
}

Value sum(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("sum", arguments, {"iterable", "attribute", "start"}, 1);
  const AttributePath path(bound[1]);
  Value total = bound[2].is_missing() ? Value::integer(0) : bound[2];
  if (total.is_string()) raise("sum() can't sum strings [use ''.join(seq) instead]");
  for (const auto all = runtime.iterate(bound[0]); const Value& item : all->items) {
    runtime.step();
    total = binary(runtime, BinaryOp::kAdd, total, path.get(runtime, item));
  }
  return total;
}

Value length(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("length", arguments, {"obj"}, 1)[0];
  if (value.is_string()) runtime.charge(value.as_string().size());
  return Value::integer(static_cast<Integer>(length_of(value)));
}

Value wordcount(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("wordcount", arguments, {"s"}, 1)[0];
  runtime.charge(value.weight());
  Integer words = 0;
  bool inside = false;
  for (const char32_t c : to_code_points(str(value))) {
    const bool part = is_alnum(c) || c == U'_';
    words += part && !inside ? 1 : 0;
    inside = part;
  }
  return Value::integer(words);
}

Value filesizeformat(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("filesizeformat", arguments, {"value", "binary"}, 1);
  const auto bytes = to_double(bound[0]);
  if (!bytes) raise("could not convert {} to float", repr(bound[0]));
  const bool binary_units = truthy(bound[1]);
  const double base = binary_units ? 1024 : 1000;
  if (*bytes == 1) return runtime.string("1 Byte");
  if (*bytes < base) return runtime.string(integer_repr(truncate(*bytes)) + " Bytes");
  static constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base * base;
  std::size_t prefix = 0;
  while (*bytes >= unit && prefix + 1 < kPrefixes.size()) {
    unit *= base;
    ++prefix;
  }
  std::string name(1, kPrefixes[prefix]);
  if (binary_units) name = (prefix == 0 ? "K" : name) + "i";
  return runtime.string(float_format(base * *bytes / unit, 'f', 1) + " " + name + "B");
}

constexpr FilterEntry kFilters[] = {
    {"abs", absolute},
    {"int", integer},
    {"float", real},
    {"round", round},
    {"sum", sum},
    {"length", length},
    {"count", length},
    {"wordcount", wordcount},
    {"filesizeformat", filesizeformat},
};

}  // namespace

const FilterEntry* find_number_filter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFilters), std::end(kFilters),
                                   [&](const FilterEntry& entry) { return entry.name == name; });
  return found == std::end(kFilters) ? nullptr : found;
}

}  // namespace saccade::text::jinja
