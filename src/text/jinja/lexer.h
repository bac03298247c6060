// Template source to tokens, with trim_blocks, lstrip_blocks and the - and + marks applied.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace saccade::text::jinja {

enum class TokenKind {
  kText,           ///< what stands between the tags
  kBlockBegin,     ///< {%
  kBlockEnd,       ///< %}
  kVariableBegin,  ///< {{
  kVariableEnd,    ///< }}
  kName,
  kString,
  kNumber,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int line = 0;
  std::string text;  ///< a name, operator or text; a string after its escapes
  Value number;      ///< of kNumber
};

/// How the token is named in an error message.
std::string describe(const Token& token);

/// Splits a template. Raises at the line where the source is malformed.
std::vector<Token> tokenize(std::string_view source);

/// The value of the text between the quotes of a string literal. Raises on a broken escape.
std::string unescape(std::string_view body, int line);

}  // namespace saccade::text::jinja
