// Expressions, from the loosest binding (conditional) to the tightest (literals).
#include <algorithm>
#include <array>

#include "text/jinja/fault.h"
#include "text/jinja/limits.h"
#include "text/jinja/parser.h"
#include "text/jinja/tree_walk.h"

namespace saccade::text::jinja {

ExprPtr Parser::make(int line, Expr::Node node) const {
  auto expr = std::make_unique<Expr>(line, std::move(node));
  for_each_child(*expr,
                 [&](const Expr& child) { expr->depth = std::max(expr->depth, child.depth + 1); });
  if (expr->depth > kMaxSyntaxDepth) {
    raise_at(line, "an expression nested over {} levels deep", kMaxSyntaxDepth);
  }
  return expr;
}

bool Parser::at_tuple_end() const {
  return current().kind == TokenKind::kVariableEnd || current().kind == TokenKind::kBlockEnd ||
         at_operator(")");
}

ExprPtr Parser::parse_tuple(bool with_condition, bool parenthesized) {
  const int line = current().line;
  TupleExpr tuple;
  bool has_comma = false;
  while (!at_tuple_end() && !(has_comma && at_name("recursive"))) {
    tuple.items.push_back(parse_expression(with_condition));
    if (!take_operator(",")) break;
    has_comma = true;
  }
  if (!has_comma && !tuple.items.empty()) return std::move(tuple.items[0]);
  if (!has_comma && !parenthesized) {
    raise_at(current().line, "Expected an expression, got '{}'", describe(current()));
  }
  return make(line, std::move(tuple));
}

ExprPtr Parser::parse_expression(bool with_condition) {
  const Depth depth(*this);
  return with_condition ? parse_conditional() : parse_or();
}

ExprPtr Parser::parse_conditional() {
  const int line = current().line;
  const std::size_t unknown = unknown_.size();
  ExprPtr value = parse_or();
  while (take_name("if")) {
    ExprPtr test = parse_or();
    ExprPtr otherwise = take_name("else") ? parse_expression() : nullptr;
    unknown_.erase(unknown_.begin() + static_cast<std::ptrdiff_t>(unknown), unknown_.end());
    value = make(line, ConditionalExpr{std::move(test), std::move(value), std::move(otherwise)});
  }
  return value;
}

ExprPtr Parser::parse_or() {
  const int line = current().line;
  ExprPtr left = parse_and();
  while (take_name("or")) {
    ExprPtr right = parse_and();
    left = make(line, LogicExpr{false, std::move(left), std::move(right)});
  }
  return left;
}

ExprPtr Parser::parse_and() {
  const int line = current().line;
  ExprPtr left = parse_not();
  while (take_name("and")) {
    ExprPtr right = parse_not();
    left = make(line, LogicExpr{true, std::move(left), std::move(right)});
  }
  return left;
}

ExprPtr Parser::parse_not() {
  const Depth depth(*this);
  const int line = current().line;
  if (take_name("not")) return make(line, UnaryExpr{UnaryOp::kNot, parse_not()});
  return parse_compare();
}

std::optional<CompareOp> Parser::take_comparison() {
  static constexpr std::array<std::pair<std::string_view, CompareOp>, 6> kSigns = {
      {{"==", CompareOp::kEqual},
       {"!=", CompareOp::kNotEqual},
       {"<", CompareOp::kLess},
       {"<=", CompareOp::kLessEqual},
       {">", CompareOp::kGreater},
       {">=", CompareOp::kGreaterEqual}}};
  for (const auto& [sign, op] : kSigns) {
    if (take_operator(sign)) return op;
  }
  if (take_name("in")) return CompareOp::kIn;
  const bool not_in = at_name("not") && ahead().kind == TokenKind::kName && ahead().text == "in";
  if (!not_in) return std::nullopt;
  take();
  take();
  return CompareOp::kNotIn;
}

ExprPtr Parser::parse_compare() {
  const int line = current().line;
  CompareExpr compare;
  compare.first = parse_sum();
  while (const auto op = take_comparison()) compare.rest.emplace_back(*op, parse_sum());
  if (compare.rest.empty()) return std::move(compare.first);
  return make(line, std::move(compare));
}

ExprPtr Parser::parse_sum() {
  const int line = current().line;
  ExprPtr left = parse_concat();
  while (at_operator("+") || at_operator("-")) {
    const BinaryOp op = take().text == "+" ? BinaryOp::kAdd : BinaryOp::kSubtract;
    ExprPtr right = parse_concat();
    left = make(line, BinaryExpr{op, std::move(left), std::move(right)});
  }
  return left;
}

ExprPtr Parser::parse_concat() {
  const int line = current().line;
  ConcatExpr concat;
  do {
    concat.parts.push_back(parse_product());
  } while (take_operator("~"));
  if (concat.parts.size() == 1) return std::move(concat.parts[0]);
  return make(line, std::move(concat));
}

ExprPtr Parser::parse_product() {
  static constexpr std::array<std::pair<std::string_view, BinaryOp>, 4> kSigns = {
      {{"*", BinaryOp::kMultiply},
       {"/", BinaryOp::kDivide},
       {"//", BinaryOp::kFloorDivide},
       {"%", BinaryOp::kModulo}}};
  const int line = current().line;
  ExprPtr left = parse_power();
  while (true) {
    const auto* sign = std::find_if(kSigns.begin(), kSigns.end(),
                                    [this](const auto& entry) { return at_operator(entry.first); });
    if (sign == kSigns.end()) return left;
    take();
    ExprPtr right = parse_power();
    left = make(line, BinaryExpr{sign->second, std::move(left), std::move(right)});
  }
}

// Jinja nests a ** b ** c to the left where Python nests it to the right, but the Python code that
// jinja2 writes for it has its own parentheses: the left nesting is what counts.
ExprPtr Parser::parse_power() {
  const int line = current().line;
  ExprPtr left = parse_unary();
  while (take_operator("**")) {
    ExprPtr right = parse_unary();
    left = make(line, BinaryExpr{BinaryOp::kPower, std::move(left), std::move(right)});
  }
  return left;
}

ExprPtr Parser::parse_unary(bool with_filter) {
  const Depth depth(*this);
  const int line = current().line;
  ExprPtr expr;
  if (take_operator("-")) {
    expr = make(line, UnaryExpr{UnaryOp::kNegate, parse_unary(false)});
  } else if (take_operator("+")) {
    expr = make(line, UnaryExpr{UnaryOp::kPlus, parse_unary(false)});
  } else {
    expr = parse_primary();
  }
  expr = parse_postfix(std::move(expr));
  return with_filter ? parse_filters_and_tests(std::move(expr)) : std::move(expr);
}

ExprPtr Parser::parse_primary() {
  const int line = current().line;
  switch (current().kind) {
    case TokenKind::kName:
      return parse_name();
    case TokenKind::kString:
      return parse_string();
    case TokenKind::kNumber:
      return make(line, ConstExpr{take().number});
    default:
      break;
  }
  if (at_operator("[")) return parse_list();
  if (at_operator("{")) return parse_dict();
  if (!take_operator("(")) raise_at(line, "unexpected '{}'", describe(current()));
  ExprPtr expr = parse_tuple(true, true);
  expect_operator(")");
  return expr;
}

ExprPtr Parser::parse_name() {
  const Token token = take();
  const std::string& name = token.text;
  if (name == "true" || name == "True") return make(token.line, ConstExpr{Value::boolean(true)});
  if (name == "false" || name == "False") return make(token.line, ConstExpr{Value::boolean(false)});
  if (name == "none" || name == "None") return make(token.line, ConstExpr{Value::none()});
  return make(token.line, NameExpr{name, {}});
}

ExprPtr Parser::parse_string() {
  const int line = current().line;
  std::string text;
  while (current().kind == TokenKind::kString) text += take().text;
  return make(line, ConstExpr{Value::string(std::move(text))});
}

ExprPtr Parser::parse_list() {
  const int line = take().line;
  ListExpr list;
  while (!at_operator("]")) {
    list.items.push_back(parse_expression());
    if (!at_operator("]")) expect_operator(",");
  }
  take();
  return make(line, std::move(list));
}

ExprPtr Parser::parse_dict() {
  const int line = take().line;
  DictExpr dict;
  while (!at_operator("}")) {
    ExprPtr key = parse_expression();
    expect_operator(":");
    ExprPtr value = parse_expression();
    dict.entries.emplace_back(std::move(key), std::move(value));
    if (!at_operator("}")) expect_operator(",");
  }
  take();
  return make(line, std::move(dict));
}

}  // namespace saccade::text::jinja
