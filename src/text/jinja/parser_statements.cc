// Tags.
#include <algorithm>
#include <array>

#include "text/jinja/fault.h"
#include "text/jinja/limits.h"
#include "text/jinja/parser.h"

namespace saccade::text::jinja {

Block Parser::parse_template() {
  Block block = parse_body({});
  if (!unknown_.empty()) throw unknown_.front();
  return block;
}

/// The end of a tag, then everything up to one of the `ends`, whose name is left to be read.
Block Parser::parse_block(std::vector<std::string_view> ends) {
  take_operator(":");  // allowed for the sake of people who write Python
  expect(TokenKind::kBlockEnd, "end of statement block");
  return parse_body(std::move(ends));
}

/// A block that is a frame of its own, as the bodies of all tags but `if` are.
Block Parser::parse_frame(std::vector<std::string_view> ends) {
  const BranchState state(*this, false);
  return parse_block(std::move(ends));
}

Block Parser::parse_body(std::vector<std::string_view> ends) {
  const Depth depth(*this);
  Block block;
  while (current().kind != TokenKind::kEnd) {
    const int line = current().line;
    if (current().kind == TokenKind::kText) {
      block.push_back(std::make_unique<Stmt>(line, TextStmt{take().text}));
    } else if (current().kind == TokenKind::kVariableBegin) {
      take();
      block.push_back(std::make_unique<Stmt>(line, PrintStmt{parse_tuple()}));
      expect(TokenKind::kVariableEnd, "end of print statement");
    } else {
      expect(TokenKind::kBlockBegin, "begin of statement block");
      const bool ended = current().kind == TokenKind::kName &&
                         std::find(ends.begin(), ends.end(), current().text) != ends.end();
      if (ended) return block;
      if (current().kind != TokenKind::kName) raise_at(current().line, "tag name expected");
      parse_tag(block);
      expect(TokenKind::kBlockEnd, "end of statement block");
    }
  }
  if (!ends.empty()) {
    raise_at(current().line, "Unexpected end of template: the '{}' of line {} needs '{}'",
             open_.back().tag, open_.back().line, ends.back());
  }
  return block;
}

void Parser::parse_tag(Block& block) {
  const Token name = take();
  if (name.text == "print") {
    parse_print(block);
    return;
  }
  open_.push_back({name.text, name.line});
  Stmt::Node node = parse_statement(name);
  open_.pop_back();
  block.push_back(std::make_unique<Stmt>(name.line, std::move(node)));
}

Stmt::Node Parser::parse_statement(const Token& name) {
  using Handler = Stmt::Node (Parser::*)();
  static constexpr std::array<std::pair<std::string_view, Handler>, 9> kHandlers = {
      {{"if", &Parser::parse_if},
       {"for", &Parser::parse_for},
       {"set", &Parser::parse_set},
       {"macro", &Parser::parse_macro},
       {"call", &Parser::parse_call},
       {"filter", &Parser::parse_filter_block},
       {"with", &Parser::parse_with},
       {"generation", &Parser::parse_generation},
       {"autoescape", &Parser::parse_autoescape}}};
  for (const auto& [tag, handler] : kHandlers) {
    if (tag == name.text) return (this->*handler)();
  }
  if (name.text == "break" || name.text == "continue") return parse_loop_control(name);
  if (name.text == "do") return DoStmt{parse_tuple()};
  static constexpr std::array<std::string_view, 6> kRefused = {"include", "import", "from",
                                                               "extends", "block",  "trans"};
  if (std::find(kRefused.begin(), kRefused.end(), name.text) != kRefused.end()) {
    raise_at(name.line, "the tag '{}' is not supported in a chat template", name.text);
  }
  open_.pop_back();
  const std::string inside =
      open_.empty() ? ""
                    : fmt::format(" (inside '{}' of line {})", open_.back().tag, open_.back().line);
  raise_at(name.line, "Encountered unknown tag '{}'{}", name.text, inside);
}

Stmt::Node Parser::parse_if() {
  IfStmt statement;
  const BranchState state(*this, true);
  bool more = true;
  while (more) {
    ExprPtr test = parse_tuple(false);
    Block body = parse_block({"elif", "else", "endif"});
    statement.branches.push_back({std::move(test), std::move(body)});
    const std::string end = take().text;
    more = end == "elif";
    if (end == "else") {
      statement.otherwise = parse_block({"endif"});
      take();
    }
  }
  return statement;
}

Stmt::Node Parser::parse_for() {
  ForStmt statement;
  const std::size_t target_start = position_;
  ++loops_;  // `loop` cannot be a target either
  statement.target = parse_target(false);
  --loops_;
  expect_name("in");
  statement.items = parse_tuple(false);
  if (take_name("if")) {
    const BranchState state(*this, false);
    statement.filter = parse_expression();
    const std::size_t after = position_;
    position_ = target_start;
    statement.filter_target = parse_target(false);
    position_ = after;
  }
  statement.recursive = take_name("recursive");
  ++loops_;
  statement.body = parse_frame({"endfor", "else"});
  --loops_;
  if (take().text == "else") {
    statement.otherwise = parse_frame({"endfor"});
    take();
  }
  return statement;
}

Stmt::Node Parser::parse_set() {
  const int line = current().line;
  ExprPtr target = parse_target(true);
  if (take_operator("=")) return SetStmt{std::move(target), parse_tuple()};
  SetBlockStmt statement;
  if (std::holds_alternative<TupleExpr>(target->node)) {
    raise_at(line, "a set block assigns to one name");
  }
  statement.target = std::move(target);
  if (take_operator("|")) statement.filter = parse_block_filters();
  statement.body = parse_frame({"endset"});
  take();
  return statement;
}

std::string Parser::parse_parameter() {
  const int line = current().line;
  std::string name = expect_any_name();
  static constexpr std::array<std::string_view, 6> kConstants = {"true", "false", "none",
                                                                 "True", "False", "None"};
  if (std::find(kConstants.begin(), kConstants.end(), name) != kConstants.end()) {
    raise_at(line, "can't assign to '{}'", name);
  }
  return name;
}

void Parser::parse_signature(MacroBody& macro) {
  const BranchState state(*this, false);
  expect_operator("(");
  while (!at_operator(")")) {
    const int line = current().line;
    std::string name = parse_parameter();
    const auto& known = macro.parameters;
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      raise_at(line, "duplicate argument '{}' of a macro", name);
    }
    macro.parameters.push_back(std::move(name));
    if (take_operator("=")) {
      macro.defaults.push_back(parse_expression());
    } else if (!macro.defaults.empty()) {
      raise_at(line, "non-default argument follows default argument");
    }
    if (!at_operator(")")) expect_operator(",");
  }
  take();
}

Stmt::Node Parser::parse_macro() {
  MacroStmt statement;
  statement.macro.name = parse_parameter();
  parse_signature(statement.macro);
  // A macro is a function of its own: it cannot end a loop around it.
  const int loops = std::exchange(loops_, 0);
  statement.macro.body = parse_frame({"endmacro"});
  loops_ = loops;
  take();
  return statement;
}

Stmt::Node Parser::parse_call() {
  CallBlockStmt statement;
  if (at_operator("(")) parse_signature(statement.macro);
  const int line = current().line;
  statement.call = parse_expression();
  if (!std::holds_alternative<CallExpr>(statement.call->node)) raise_at(line, "expected call");
  const int loops = std::exchange(loops_, 0);
  statement.macro.body = parse_frame({"endcall"});
  loops_ = loops;
  take();
  return statement;
}

/// The filters applied to a block; they are evaluated in its frame.
ExprPtr Parser::parse_block_filters() {
  const BranchState state(*this, false);
  ExprPtr filter = parse_filter(nullptr);
  while (take_operator("|")) filter = parse_filter(std::move(filter));
  return filter;
}

Stmt::Node Parser::parse_filter_block() {
  FilterBlockStmt statement;
  statement.filter = parse_block_filters();
  statement.body = parse_frame({"endfilter"});
  take();
  return statement;
}

Stmt::Node Parser::parse_with() {
  WithStmt statement;
  while (current().kind != TokenKind::kBlockEnd && !at_operator(":")) {
    if (!statement.targets.empty()) expect_operator(",");
    statement.targets.push_back(parse_target_item(false));
    expect_operator("=");
    statement.values.push_back(parse_expression());
  }
  statement.body = parse_frame({"endwith"});
  take();
  return statement;
}

Stmt::Node Parser::parse_generation() {
  ScopeStmt statement;
  const int loops = std::exchange(loops_, 0);
  statement.body = parse_frame({"endgeneration"});
  loops_ = loops;
  take();
  return statement;
}

/// Escaping is off anyway; to switch it on is refused.
Stmt::Node Parser::parse_autoescape() {
  const ExprPtr value = parse_expression();
  const auto* constant = std::get_if<ConstExpr>(&value->node);
  if (constant == nullptr || truthy(constant->value)) {
    raise_at(value->line, "the tag 'autoescape' is supported with false only");
  }
  ScopeStmt statement;
  statement.body = parse_frame({"endautoescape"});
  take();
  return statement;
}

Stmt::Node Parser::parse_loop_control(const Token& name) {
  if (loops_ == 0) raise_at(name.line, "'{}' outside a for loop", name.text);
  if (name.text == "break") return BreakStmt{};
  return ContinueStmt{};
}

void Parser::parse_print(Block& block) {
  bool first = true;
  while (current().kind != TokenKind::kBlockEnd) {
    if (!first) expect_operator(",");
    first = false;
    const int line = current().line;
    block.push_back(std::make_unique<Stmt>(line, PrintStmt{parse_expression()}));
  }
}

/// A name, namespace.name, or several of them.
ExprPtr Parser::parse_target(bool with_namespace) {
  const int line = current().line;
  TupleExpr tuple;
  bool has_comma = false;
  while (!at_tuple_end() && !(has_comma && (at_name("in") || at_operator("=")))) {
    tuple.items.push_back(parse_target_item(with_namespace));
    if (!take_operator(",")) break;
    has_comma = true;
  }
  if (!has_comma && !tuple.items.empty()) return std::move(tuple.items[0]);
  if (!has_comma) raise_at(line, "Expected an expression, got '{}'", describe(current()));
  return make(line, std::move(tuple));
}

ExprPtr Parser::parse_target_item(bool with_namespace) {
  const Depth depth(*this);
  const int line = current().line;
  if (take_operator("(")) {
    ExprPtr inner = parse_target(with_namespace);
    expect_operator(")");
    return inner;
  }
  if (current().kind != TokenKind::kName) {
    raise_at(line, "can't assign to '{}'", describe(current()));
  }
  std::string name = parse_parameter();
  if (name == "loop" && loops_ > 0) raise_at(line, "Can't assign to special loop variable");
  if (with_namespace && take_operator(".")) {
    return make(line, NamespaceTarget{std::move(name), expect_any_name(), {}});
  }
  return make(line, NameExpr{std::move(name), {}});
}

}  // namespace saccade::text::jinja
