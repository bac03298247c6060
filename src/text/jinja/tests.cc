#include "text/jinja/tests.h"

#include <algorithm>
#include <array>

#include "text/jinja/fault.h"
#include "text/jinja/filters.h"
#include "text/jinja/numbers.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

/// A test of the value alone.
template <bool (*Test)(const Value&)>
bool alone(Runtime&, const Arguments& arguments) {
  return Test(bind_arguments("test", arguments, {"value"}, 1)[0]);
}

template <CompareOp Op>
bool compared(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("test", arguments, {"value", "other"}, 2);
  return compare(runtime, Op, bound[0], bound[1]);
}

bool has_remainder(Runtime& runtime, const Value& value, const Value& divisor, Integer wanted) {
  const Value rest = binary(runtime, BinaryOp::kModulo, value, divisor);
  return equals(rest, Value::integer(wanted));
}

bool test_odd(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("odd", arguments, {"value"}, 1);
  return has_remainder(runtime, bound[0], Value::integer(2), 1);
}
bool test_even(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("even", arguments, {"value"}, 1);
  return has_remainder(runtime, bound[0], Value::integer(2), 0);
}
bool test_divisibleby(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("divisibleby", arguments, {"value", "num"}, 2);
  return has_remainder(runtime, bound[0], bound[1], 0);
}

bool is_defined(const Value& value) {
  return !value.is_undefined();
}
bool is_undefined(const Value& value) {
  return value.is_undefined();
}
bool is_none(const Value& value) {
  return value.is_none();
}
bool is_boolean(const Value& value) {
  return value.is(Type::kBool);
}
bool is_false(const Value& value) {
  return is_boolean(value) && !value.as_bool();
}
bool is_true(const Value& value) {
  return is_boolean(value) && value.as_bool();
}
bool is_integer(const Value& value) {
  return value.is(Type::kInt);
}
bool is_float(const Value& value) {
  return value.is(Type::kFloat);
}
bool is_number(const Value& value) {
  return value.is_number();
}
bool is_string(const Value& value) {
  return value.is_string();
}
bool is_mapping(const Value& value) {
  return value.is_dict();
}
bool is_escaped(const Value& value) {
  return value.is_safe();
}
bool is_callable(const Value& value) {
  // An undefined value has a __call__ that raises: Python finds it callable.
  return value.is_undefined() || (value.is_object() && value.as_object()->callable());
}
/// What has a length and can be indexed: strings and dictionaries too.
bool is_sequence(const Value& value) {
  if (value.is_object()) {
    return value.as_object()->length().has_value() && value.as_object()->indexable();
  }
  return value.is_string() || value.is_sequence() || value.is_dict() || value.is_undefined();
}
bool is_iterable(const Value& value) {
  if (value.is_object()) return value.as_object()->iterable();
  return value.is_string() || value.is_sequence() || value.is_dict() || value.is_undefined();
}
/// At least one cased character, and none of the other case.
template <bool (*Wanted)(char32_t), bool (*Other)(char32_t)>
bool has_case(const Value& value) {
  bool found = false;
  for (const char32_t c : to_code_points(str(value))) {
    if (Other(c) || is_title(c)) return false;
    found = found || Wanted(c);
  }
  return found;
}
bool names_filter(const Value& value) {
  if (!hashable(value)) raise("unhashable type: '{}'", type_name(value));
  return value.is_string() && find_filter(value.as_string()) != nullptr;
}
bool names_test(const Value& value) {
  if (!hashable(value)) raise("unhashable type: '{}'", type_name(value));
  return value.is_string() && find_test(value.as_string()) != nullptr;
}

bool test_sameas(Runtime&, const Arguments& arguments) {
  const auto bound = bind_arguments("sameas", arguments, {"value", "other"}, 2);
  if (bound[0].type() != bound[1].type()) return false;
  if (const void* identity = bound[0].identity()) return identity == bound[1].identity();
  return equals(bound[0], bound[1]);
}

bool test_in(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("in", arguments, {"value", "seq"}, 2);
  return contains(runtime, bound[1], bound[0]);
}

constexpr TestEntry kTests[] = {
    {"odd", test_odd},
    {"even", test_even},
    {"divisibleby", test_divisibleby},
    {"defined", alone<is_defined>},
    {"undefined", alone<is_undefined>},
    {"filter", alone<names_filter>},
    {"test", alone<names_test>},
    {"none", alone<is_none>},
    {"boolean", alone<is_boolean>},
    {"false", alone<is_false>},
    {"true", alone<is_true>},
    {"integer", alone<is_integer>},
    {"float", alone<is_float>},
    {"lower", alone<has_case<is_lower, is_upper>>},
    {"upper", alone<has_case<is_upper, is_lower>>},
    {"string", alone<is_string>},
    {"mapping", alone<is_mapping>},
    {"number", alone<is_number>},
    {"sequence", alone<is_sequence>},
    {"iterable", alone<is_iterable>},
    {"callable", alone<is_callable>},
    {"sameas", test_sameas},
    {"escaped", alone<is_escaped>},
    {"in", test_in},
    {"==", compared<CompareOp::kEqual>},
    {"eq", compared<CompareOp::kEqual>},
    {"equalto", compared<CompareOp::kEqual>},
    {"!=", compared<CompareOp::kNotEqual>},
    {"ne", compared<CompareOp::kNotEqual>},
    {">", compared<CompareOp::kGreater>},
    {"gt", compared<CompareOp::kGreater>},
    {"greaterthan", compared<CompareOp::kGreater>},
    {">=", compared<CompareOp::kGreaterEqual>},
    {"ge", compared<CompareOp::kGreaterEqual>},
    {"<", compared<CompareOp::kLess>},
    {"lt", compared<CompareOp::kLess>},
    {"lessthan", compared<CompareOp::kLess>},
    {"<=", compared<CompareOp::kLessEqual>},
    {"le", compared<CompareOp::kLessEqual>},
};

}  // namespace

const TestEntry* find_test(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTests), std::end(kTests),
                                   [&](const TestEntry& entry) { return entry.name == name; });
  return found == std::end(kTests) ? nullptr : found;
}

}  // namespace saccade::text::jinja
