#include "grammar/grammar.h"

#include <boost/json.hpp>

#include "base/error.h"
#include "grammar/gbnf.h"
#include "grammar/program.h"
#include "grammar/regex.h"
#include "grammar/schema_compiler.h"

namespace saccade::grammar {
namespace {

Program of_automaton(DfaPtr dfa, std::string_view what) {
  if (dfa->empty()) fail("no text can match {}", what);
  Program program;
  program.automata = {std::move(dfa)};
  return program;
}

}  // namespace

Grammar::Grammar(Program program) : program_(std::make_shared<const Program>(std::move(program))) {}

Grammar Grammar::json_schema(const boost::json::value& schema, std::string_view where,
                             Style style) {
  return Grammar(compile_schema(schema, std::string(where), style == Style::kDocument));
}

Grammar Grammar::json_object(Style style) {
  return json_schema(boost::json::object{{"type", "object"}}, "json_object", style);
}

Grammar Grammar::regex(std::string_view pattern) {
  return Grammar(
      of_automaton(compile_regex(pattern, RegexMatch::kWhole), "the regular expression"));
}

Grammar Grammar::choice(std::span<const std::string> texts) {
  return Grammar(of_automaton(literals(texts), "an empty list of choices"));
}

Grammar Grammar::gbnf(std::string_view text, std::string_view where) {
  return Grammar(compile_gbnf(text, std::string(where)));
}

}  // namespace saccade::grammar
