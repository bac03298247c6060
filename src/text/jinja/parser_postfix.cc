// What follows an operand: attributes, subscripts, calls, filters and tests.
#include "text/jinja/fault.h"
#include "text/jinja/parser.h"

namespace saccade::text::jinja {

ExprPtr Parser::parse_postfix(ExprPtr expr) {
  while (true) {
    if (at_operator(".")) {
      expr = parse_attribute(std::move(expr));
    } else if (at_operator("[")) {
      expr = parse_subscript(std::move(expr));
    } else if (at_operator("(")) {
      expr = parse_call_of(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::parse_filters_and_tests(ExprPtr expr) {
  while (true) {
    if (take_operator("|")) {
      expr = parse_filter(std::move(expr));
    } else if (at_name("is")) {
      expr = parse_test(std::move(expr));
    } else if (at_operator("(")) {
      expr = parse_call_of(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr Parser::parse_attribute(ExprPtr object) {
  const int line = take().line;
  const Token token = take();
  if (token.kind == TokenKind::kName) {
    return make(line, AttributeExpr{std::move(object), token.text});
  }
  const bool is_index = token.kind == TokenKind::kNumber && token.number.is(Type::kInt);
  if (!is_index) raise_at(token.line, "expected name or number, got '{}'", describe(token));
  return make(line, ItemExpr{std::move(object), make(token.line, ConstExpr{token.number})});
}

ExprPtr Parser::parse_subscript(ExprPtr object) {
  const int line = take().line;
  const auto at_bound_end = [this] {
    return at_operator(":") || at_operator("]") || at_operator(",");
  };
  ExprPtr start = at_bound_end() ? nullptr : parse_expression();
  if (start != nullptr && !at_operator(":")) {
    TupleExpr several;
    several.items.push_back(std::move(start));
    while (take_operator(",") && !at_operator("]")) several.items.push_back(parse_expression());
    expect_operator("]");
    ExprPtr index =
        several.items.size() == 1 ? std::move(several.items[0]) : make(line, std::move(several));
    return make(line, ItemExpr{std::move(object), std::move(index)});
  }
  expect_operator(":");
  ExprPtr stop = at_bound_end() ? nullptr : parse_expression();
  ExprPtr step;
  if (take_operator(":") && !at_bound_end()) step = parse_expression();
  if (at_operator(",")) raise_at(line, "several slices in one subscript are not supported");
  expect_operator("]");
  return make(line,
              SliceExpr{std::move(object), std::move(start), std::move(stop), std::move(step)});
}

ExprPtr Parser::parse_call_of(ExprPtr callee) {
  const int line = current().line;
  return make(line, CallExpr{std::move(callee), parse_arguments()});
}

CallArguments Parser::parse_arguments() {
  expect_operator("(");
  CallArguments arguments;
  while (!at_operator(")")) {
    parse_argument(arguments);
    if (!at_operator(")")) expect_operator(",");
  }
  take();
  return arguments;
}

void Parser::parse_argument(CallArguments& arguments) {
  const int line = current().line;
  const auto check = [line](bool valid) {
    if (!valid) raise_at(line, "invalid syntax for function call expression");
  };
  const bool starred = arguments.star != nullptr || arguments.double_star != nullptr;
  if (take_operator("*")) {
    check(!starred);
    arguments.star = parse_expression();
  } else if (take_operator("**")) {
    check(arguments.double_star == nullptr);
    arguments.double_star = parse_expression();
  } else if (current().kind == TokenKind::kName && ahead().kind == TokenKind::kOperator &&
             ahead().text == "=") {
    check(arguments.double_star == nullptr);
    std::string name = take().text;
    take();
    for (const auto& keyword : arguments.keyword) {
      if (keyword.first == name) raise_at(line, "keyword argument repeated: {}", name);
    }
    arguments.keyword.emplace_back(std::move(name), parse_expression());
  } else {
    check(!starred && arguments.keyword.empty());
    arguments.positional.push_back(parse_expression());
  }
}

std::string Parser::parse_dotted_name() {
  std::string name = expect_any_name();
  while (take_operator(".")) name += "." + expect_any_name();
  return name;
}

/// What jinja2 does not know either is an error when it is used, or at once outside branches.
void Parser::note_unknown(int line, std::string_view kind, const std::string& name) {
  if (kind == "filter" && (name == "random" || name == "urlize")) {
    raise_at(line, "the filter '{}' is not supported", name);
  }
  if (!in_branch_) unknown_.emplace_back(fmt::format("No {} named '{}'.", kind, name), line);
}

ExprPtr Parser::parse_filter(ExprPtr input) {
  const int line = current().line;
  const std::string name = parse_dotted_name();
  const FilterEntry* filter = find_filter(name);
  if (filter == nullptr) note_unknown(line, "filter", name);
  CallArguments arguments;
  if (at_operator("(")) arguments = parse_arguments();
  return make(line, FilterExpr{std::move(input), name, filter, std::move(arguments)});
}

ExprPtr Parser::parse_test(ExprPtr input) {
  const int line = take().line;
  const bool negated = take_name("not");
  const std::string name = parse_dotted_name();
  const TestEntry* test = find_test(name);
  if (test == nullptr) note_unknown(line, "test", name);
  CallArguments arguments;
  const TokenKind kind = current().kind;
  const bool operand = kind == TokenKind::kString || kind == TokenKind::kNumber ||
                       at_operator("[") || at_operator("{");
  const bool word =
      kind == TokenKind::kName && !at_name("else") && !at_name("or") && !at_name("and");
  if (at_operator("(")) {
    arguments = parse_arguments();
  } else if (operand || word) {
    if (at_name("is")) raise_at(line, "You cannot chain multiple tests with is");
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExprPtr result = make(line, TestExpr{std::move(input), name, test, std::move(arguments)});
  return negated ? make(line, UnaryExpr{UnaryOp::kNot, std::move(result)}) : std::move(result);
}

}  // namespace saccade::text::jinja
