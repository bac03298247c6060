// From schemas to sets of values.
#pragma once

#include <map>
#include <set>

#include "grammar/schema_document.h"
#include "grammar/value_set.h"

namespace saccade::grammar {

/// Says which values a schema, or its negation, allows. Children (of objects and arrays) stay
/// literals, so recursion through them is no matter; a schema that refers to itself without going
/// into a value is refused. A negation is taken keyword by keyword; keywords whose opposite is not
/// regular enough are refused by name where it is asked for.
class SchemaValues {
 public:
  explicit SchemaValues(SchemaDocument& document) : document_(document) {}

  const ValueSet& of(Literal literal);
  ValueSet of(const Conjunction& conjunction);
  /// The strings of a set as one automaton of their characters; null if there are none.
  DfaPtr strings(const ValueSet& set, std::string_view where) const;

 private:
  using Object = boost::json::object;

  ValueSet allowed(Literal literal);
  ValueSet forbidden(Literal literal);
  ValueSet types(const boost::json::value& value, bool opposite, Literal literal) const;
  ValueSet constants(const Object& schema, Literal literal);
  ValueSet not_constants(const Object& schema, Literal literal) const;
  ValueSet constant(const boost::json::value& value, Literal literal);

  NumberSet number_rules(const Object& schema, Literal literal) const;
  StringSet string_rules(const Object& schema, Literal literal) const;
  ArraySet array_rules(const Object& schema) const;
  ObjectSet object_rules(const Object& schema, Literal literal) const;
  void not_numbers(const Object& schema, Literal literal, ValueSet& set) const;
  void not_strings(const Object& schema, Literal literal, ValueSet& set) const;
  void not_arrays(const Object& schema, Literal literal, ValueSet& set) const;
  void not_objects(const Object& schema, Literal literal, ValueSet& set) const;

  void narrow_by_combinations(const Object& schema, Literal literal, ValueSet& set);
  void not_combinations(const Object& schema, Literal literal, ValueSet& set);
  ValueSet exactly_one(const boost::json::array& branches, Literal literal);
  ValueSet conditional(const Object& schema, Literal literal, bool opposite);
  bool certainly_empty(const ValueSet& set, int depth);
  bool certainly_empty(const ObjectSet& set, int depth);

  /// `what`: keywords, in quotation marks.
  [[noreturn]] void refuse_negation(Literal literal, std::string_view what) const;

  SchemaDocument& document_;
  std::map<Literal, ValueSet> known_;
  std::set<Literal> open_;  // being worked out
};

}  // namespace saccade::grammar
