// Grammars that answers must follow.
#pragma once

#include <boost/json/fwd.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace saccade::grammar {

struct Program;

/// How JSON may look.
enum class Style {
  /// As a model is to write it, so that as much as possible is forced: properties in the schema's
  /// order, what the schema does not name only where it speaks of it; ", " and ": " and no other
  /// space, as Python's json.dumps writes; every character in one spelling, printable ones as they
  /// are; numbers with bounds without exponent, integers without fraction.
  kGeneration,
  /// As JSON allows it: any order, white space, escapes and exponents.
  kDocument,
};

/// What texts may be: compiled once, immutable, cheap to copy, shared between threads. What is not
/// supported is refused with an Error that names it and its place, never ignored, and so is a
/// grammar that nothing matches. `where` names the source in errors.
class Grammar {
 public:
  /// JSON Schema, draft 2020-12. docs/grammar.md says which keywords there are.
  static Grammar json_schema(const boost::json::value& schema, std::string_view where, Style style);
  /// Any JSON object.
  static Grammar json_object(Style style);
  /// Texts that a regular expression matches from their beginning to their end.
  static Grammar regex(std::string_view pattern);
  /// One of some texts.
  static Grammar choice(std::span<const std::string> texts);
  /// llama.cpp's grammar language.
  static Grammar gbnf(std::string_view text, std::string_view where);

  const Program& program() const { return *program_; }

 private:
  explicit Grammar(Program program);
  std::shared_ptr<const Program> program_;
};

}  // namespace saccade::grammar
