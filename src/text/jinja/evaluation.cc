// Expressions.
#include <algorithm>

#include "text/jinja/fault.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/printing.h"

namespace saccade::text::jinja {

Value Interpreter::evaluate(const Expr& expr, Frame& frame) {
  try {
    return eval(expr, frame);
  } catch (Fault& fault) {
    if (fault.line == 0) fault.line = expr.line;
    throw;
  }
}

Value Interpreter::eval(const Expr& expr, Frame& frame) {
  runtime_.step();
  const Runtime::Depth depth(runtime_);
  return std::visit([&](const auto& node) { return eval(node, frame); }, expr.node);
}

Value Interpreter::eval(const ConstExpr& node, Frame&) {
  return node.value;
}

Value Interpreter::eval(const NameExpr& node, Frame& frame) {
  const Value& value = slot(node.ref, frame);
  return value.is_missing() ? undefined_name(node.name) : value;
}

Value Interpreter::eval(const NamespaceTarget& node, Frame&) {
  raise("'{}' is a target of an assignment only", node.name);
}

std::vector<Value> Interpreter::eval_all(const std::vector<ExprPtr>& exprs, Frame& frame) {
  std::vector<Value> values;
  values.reserve(exprs.size());
  for (const ExprPtr& expr : exprs) values.push_back(eval(*expr, frame));
  return values;
}

Value Interpreter::eval(const TupleExpr& node, Frame& frame) {
  return runtime_.tuple(eval_all(node.items, frame));
}

Value Interpreter::eval(const ListExpr& node, Frame& frame) {
  return runtime_.list(eval_all(node.items, frame));
}

Value Interpreter::eval(const DictExpr& node, Frame& frame) {
  Dict dict;
  for (const auto& [key, value] : node.entries) {
    Value name = eval(*key, frame);
    dict.set(std::move(name), eval(*value, frame));
  }
  return runtime_.dict(std::move(dict));
}

Value Interpreter::eval(const UnaryExpr& node, Frame& frame) {
  const Value operand = eval(*node.operand, frame);
  if (node.op == UnaryOp::kNot) return Value::boolean(!truthy(operand));
  return node.op == UnaryOp::kNegate ? negate(operand) : plus(operand);
}

Value Interpreter::eval(const BinaryExpr& node, Frame& frame) {
  const Value left = eval(*node.left, frame);
  return binary(runtime_, node.op, left, eval(*node.right, frame));
}

Value Interpreter::eval(const LogicExpr& node, Frame& frame) {
  Value left = eval(*node.left, frame);
  return truthy(left) == node.is_and ? eval(*node.right, frame) : left;
}

Value Interpreter::eval(const CompareExpr& node, Frame& frame) {
  Value left = eval(*node.first, frame);
  for (const auto& [op, expr] : node.rest) {
    Value right = eval(*expr, frame);
    if (!compare(runtime_, op, left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::eval(const ConcatExpr& node, Frame& frame) {
  std::string text;
  for (const ExprPtr& part : node.parts) append_str(text, eval(*part, frame));
  return runtime_.string(std::move(text));
}

Value Interpreter::eval(const AttributeExpr& node, Frame& frame) {
  return runtime_.attribute(eval(*node.object, frame), node.name);
}

Value Interpreter::eval(const ItemExpr& node, Frame& frame) {
  const Value object = eval(*node.object, frame);
  return runtime_.item(object, eval(*node.index, frame));
}

Value Interpreter::eval(const SliceExpr& node, Frame& frame) {
  const auto bound = [&](const ExprPtr& expr) {
    return expr == nullptr ? Value::none() : eval(*expr, frame);
  };
  const Value object = eval(*node.object, frame);
  const Value start = bound(node.start), stop = bound(node.stop);
  return runtime_.slice(object, start, stop, bound(node.step));
}

void Interpreter::eval_arguments(const CallArguments& node, Frame& frame, Arguments& arguments) {
  for (const ExprPtr& expr : node.positional) arguments.positional.push_back(eval(*expr, frame));
  if (node.star != nullptr) {
    const auto items = runtime_.iterate(eval(*node.star, frame));
    runtime_.charge(items->items.size() * sizeof(Value));
    arguments.positional.insert(arguments.positional.end(), items->items.begin(),
                                items->items.end());
  }
  for (const auto& [name, expr] : node.keyword) {
    arguments.keyword.emplace_back(name, eval(*expr, frame));
  }
  if (node.double_star == nullptr) return;
  const Value more = eval(*node.double_star, frame);
  if (!more.is_dict()) raise("argument after ** must be a mapping, not {}", type_name(more));
  for (const auto& [key, value] : more.as_dict().entries()) {
    const std::string& name = string_argument(key, "keywords");
    runtime_.charge(arguments.keyword.size() * name.size());
    for (const auto& given : arguments.keyword) {
      if (given.first == name) raise("got multiple values for keyword argument '{}'", name);
    }
    arguments.keyword.emplace_back(name, value);
  }
}

Value Interpreter::eval(const FilterExpr& node, Frame& frame) {
  if (node.filter == nullptr) raise("No filter named '{}' found.", node.name);
  Arguments arguments;
  // Without an input the filter is applied to the text of its block.
  arguments.positional.push_back(node.input == nullptr ? std::move(block_text_)
                                                       : eval(*node.input, frame));
  eval_arguments(node.arguments, frame, arguments);
  return node.filter->function(runtime_, arguments);
}

Value Interpreter::filter_text(const Expr& filter, Value text, Frame& frame) {
  block_text_ = std::move(text);
  return evaluate(filter, frame);
}

Value Interpreter::eval(const TestExpr& node, Frame& frame) {
  if (node.test == nullptr) raise("No test named '{}' found.", node.name);
  Arguments arguments;
  arguments.positional.push_back(eval(*node.input, frame));
  eval_arguments(node.arguments, frame, arguments);
  return Value::boolean(node.test->function(runtime_, arguments));
}

Value Interpreter::eval(const CallExpr& node, Frame& frame) {
  return eval_call(node, frame, Value());
}

Value Interpreter::eval_call(const CallExpr& node, Frame& frame, Value caller) {
  const Value callee = eval(*node.callee, frame);
  Arguments arguments;
  eval_arguments(node.arguments, frame, arguments);
  if (!caller.is_missing()) arguments.keyword.emplace_back("caller", std::move(caller));
  return runtime_.call(callee, std::move(arguments));
}

Value Interpreter::eval(const ConditionalExpr& node, Frame& frame) {
  if (truthy(eval(*node.test, frame))) return eval(*node.then, frame);
  if (node.otherwise != nullptr) return eval(*node.otherwise, frame);
  return Value::undefined(fmt::format(
      "the inline if-expression on line {} evaluated to false and no else section was defined.",
      node.then->line));
}

}  // namespace saccade::text::jinja
