// Tokens to a tree. Recursive descent; the grammar and its precedences are Jinja's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/fault.h"
#include "text/jinja/lexer.h"

namespace saccade::text::jinja {

/// Parses a template and resolves its names. Raises at the line of what is malformed or, by name,
/// not supported.
Tree parse(std::string_view source);

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Block parse_template();

 private:
  // Tokens.
  const Token& current() const { return tokens_[position_]; }
  const Token& ahead() const;
  Token take();
  bool at_operator(std::string_view text) const;
  bool at_name(std::string_view text) const;
  bool take_operator(std::string_view text);
  bool take_name(std::string_view text);
  void expect_operator(std::string_view text);
  void expect_name(std::string_view text);
  std::string expect_any_name();
  void expect(TokenKind kind, std::string_view what);
  [[noreturn]] void unexpected(std::string_view wanted) const;

  // Statements (parser_statements.cc).
  /// While it lives, what is parsed is in a frame of its own (true: directly within an `if`).
  class BranchState {
   public:
    BranchState(Parser& parser, bool in_branch)
        : parser_(parser), outer_(std::exchange(parser.in_branch_, in_branch)) {}
    ~BranchState() { parser_.in_branch_ = outer_; }
    BranchState(const BranchState&) = delete;
    BranchState& operator=(const BranchState&) = delete;

   private:
    Parser& parser_;
    bool outer_;
  };
  struct Open {
    std::string tag;  ///< the tag whose end is looked for
    int line;
  };
  Block parse_block(std::vector<std::string_view> ends);
  Block parse_frame(std::vector<std::string_view> ends);
  ExprPtr parse_block_filters();
  Block parse_body(std::vector<std::string_view> ends);
  void parse_tag(Block& block);
  Stmt::Node parse_statement(const Token& name);
  Stmt::Node parse_if();
  Stmt::Node parse_for();
  Stmt::Node parse_set();
  Stmt::Node parse_macro();
  Stmt::Node parse_call();
  Stmt::Node parse_filter_block();
  Stmt::Node parse_with();
  Stmt::Node parse_generation();
  Stmt::Node parse_autoescape();
  Stmt::Node parse_loop_control(const Token& name);
  void parse_print(Block& block);
  void parse_signature(MacroBody& macro);
  std::string parse_parameter();

  // Assignment targets (parser_statements.cc).
  ExprPtr parse_target(bool with_namespace);
  ExprPtr parse_target_item(bool with_namespace);

  // Expressions (parser_expressions.cc).
  ExprPtr parse_tuple(bool with_condition = true, bool parenthesized = false);
  ExprPtr parse_expression(bool with_condition = true);
  ExprPtr parse_conditional();
  ExprPtr parse_or();
  ExprPtr parse_and();
  ExprPtr parse_not();
  ExprPtr parse_compare();
  std::optional<CompareOp> take_comparison();
  ExprPtr parse_sum();
  ExprPtr parse_concat();
  ExprPtr parse_product();
  ExprPtr parse_power();
  ExprPtr parse_unary(bool with_filter = true);
  ExprPtr parse_primary();
  ExprPtr parse_name();
  ExprPtr parse_string();
  ExprPtr parse_list();
  ExprPtr parse_dict();
  ExprPtr parse_postfix(ExprPtr expr);
  ExprPtr parse_filters_and_tests(ExprPtr expr);
  ExprPtr parse_attribute(ExprPtr object);
  ExprPtr parse_subscript(ExprPtr object);
  ExprPtr parse_call_of(ExprPtr callee);
  ExprPtr parse_filter(ExprPtr input);
  ExprPtr parse_test(ExprPtr input);
  CallArguments parse_arguments();
  void parse_argument(CallArguments& arguments);
  std::string parse_dotted_name();
  void note_unknown(int line, std::string_view kind, const std::string& name);
  bool at_tuple_end() const;

  /// Makes an expression, and raises when it is nested too deeply.
  ExprPtr make(int line, Expr::Node node) const;

  /// Bounds how deep the parser calls itself.
  class Depth {
   public:
    explicit Depth(Parser& parser);
    ~Depth() { --parser_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Parser& parser_;
  };

  std::vector<Token> tokens_;
  std::size_t position_ = 0;
  int depth_ = 0;
  int loops_ = 0;  ///< for loops around, within the same macro
  /// Directly within an `if`: there jinja2 minds an unknown filter or test only when it is used.
  bool in_branch_ = false;
  std::vector<Fault> unknown_;  ///< filters and tests outside branches
  std::vector<Open> open_;
};

}  // namespace saccade::text::jinja
