#include "text/jinja/parser.h"

#include "text/jinja/fault.h"
#include "text/jinja/limits.h"
#include "text/jinja/scope.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {

Tree parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    raise_at(1, "a template of over {} bytes", kMaxSourceBytes);
  }
  if (!is_valid_utf8(source)) raise_at(1, "the template is not UTF-8 text");
  Tree tree;
  tree.body = Parser(tokenize(source)).parse_template();
  resolve_names(tree);
  return tree;
}

const Token& Parser::ahead() const {
  return position_ + 1 < tokens_.size() ? tokens_[position_ + 1] : tokens_.back();
}

Token Parser::take() {
  Token token = tokens_[position_];  // a copy: parse_for reads some tokens twice
  if (position_ + 1 < tokens_.size()) ++position_;
  return token;
}

bool Parser::at_operator(std::string_view text) const {
  return current().kind == TokenKind::kOperator && current().text == text;
}

bool Parser::at_name(std::string_view text) const {
  return current().kind == TokenKind::kName && current().text == text;
}

bool Parser::take_operator(std::string_view text) {
  if (!at_operator(text)) return false;
  take();
  return true;
}

bool Parser::take_name(std::string_view text) {
  if (!at_name(text)) return false;
  take();
  return true;
}

void Parser::expect_operator(std::string_view text) {
  if (!take_operator(text)) unexpected(text);
}

void Parser::expect_name(std::string_view text) {
  if (!take_name(text)) unexpected(text);
}

std::string Parser::expect_any_name() {
  if (current().kind != TokenKind::kName) unexpected("name");
  return take().text;
}

void Parser::expect(TokenKind kind, std::string_view what) {
  if (current().kind != kind) unexpected(what);
  take();
}

void Parser::unexpected(std::string_view wanted) const {
  if (current().kind == TokenKind::kEnd) {
    raise_at(current().line, "unexpected end of template, expected '{}'", wanted);
  }
  raise_at(current().line, "expected token '{}', got '{}'", wanted, describe(current()));
}

Parser::Depth::Depth(Parser& parser) : parser_(parser) {
  // Every nested expression passes here up to three times: unary, not, expression.
  if (parser_.depth_ >= 3 * kMaxSyntaxDepth) {
    raise_at(parser_.current().line, "the template is nested too deeply");
  }
  ++parser_.depth_;
}

}  // namespace saccade::text::jinja
