// Python's operators on values. Every function raises what Python would raise.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

enum class BinaryOp { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
enum class CompareOp { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

Value binary(Runtime& runtime, BinaryOp op, const Value& left, const Value& right);
Value negate(const Value& operand);
Value plus(const Value& operand);
bool compare(Runtime& runtime, CompareOp op, const Value& left, const Value& right);
/// left < right, for sorting; `op` is the sign named in the message.
bool less(const Value& left, const Value& right, std::string_view op = "<");
/// `item in container`.
bool contains(Runtime& runtime, const Value& container, const Value& item);

/// len(value). Raises for what has no length.
std::size_t length_of(const Value& value);

/// Text with &, <, >, ' and " replaced by entities; text already marked safe stays as it is.
std::string escape_html(const Value& value);
std::string escape_html(std::string_view text);

}  // namespace saccade::text::jinja
