// The text of GBNF as a tree.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/code_points.h"

namespace saccade::grammar {

struct GbnfExpression {
  enum class Kind : std::uint8_t { kBytes, kCharacters, kRule, kSequence, kEither, kRepeat };
  Kind kind = Kind::kSequence;
  std::string bytes;  ///< %token "text": special_text() of it
  CodePointSet characters;
  std::size_t rule = 0;
  std::vector<GbnfExpression> parts;  ///< one of kRepeat
  std::uint64_t min = 0;
  std::optional<std::uint64_t> max;
};

/// %value SCHEMA "end": a value of a JSON Schema as forms in tags have it, and what it ends with,
/// which may be a special token. %json SCHEMA: a value as JSON, without an end.
struct GbnfValue {
  boost::json::value schema;
  std::string end;
};

struct GbnfRule {
  std::string name;
  std::optional<GbnfExpression> expression;  ///< empty while it is only referred to
  std::optional<GbnfValue> value;            ///< in its place: a rule without a name of its own
};

struct GbnfText {
  std::vector<GbnfRule> rules;              ///< in the order of their names' first appearance
  std::vector<std::string> special_tokens;  ///< that it names
};

/// Throws Error.
GbnfText parse_gbnf(std::string_view text, const std::string& where);

}  // namespace saccade::grammar
