// Sets of JSON values: what a schema allows, type by type.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/decimal.h"
#include "grammar/dfa.h"
#include "grammar/program.h"
#include "grammar/schema_document.h"

namespace saccade::grammar {

/// Schemas that all hold of one value; sorted. Empty: anything.
using Conjunction = std::vector<Literal>;
void add_literal(Conjunction& conjunction, Literal literal);
void add_all(Conjunction& conjunction, const Conjunction& more);

struct StringSet {
  DfaPtr dfa = universal();
  std::uint64_t min = 0;  // characters, besides what the automaton says
  std::uint64_t max = kUnbounded;
  bool operator==(const StringSet&) const = default;
};

/// "contains": how many items a schema holds of.
struct CountedItems {
  Literal schema = kTrue;
  std::uint64_t min = 1;
  std::uint64_t max = kUnbounded;
  bool operator==(const CountedItems&) const = default;
};

struct ArraySet {
  std::uint64_t min = 0;
  std::uint64_t max = kUnbounded;
  std::vector<Conjunction> prefix = {};
  Conjunction rest = {};
  bool unique = false;  ///< no two items are the same value
  std::vector<CountedItems> counted = {};
  bool operator==(const ArraySet&) const = default;
  const Conjunction& item(std::size_t i) const { return i < prefix.size() ? prefix[i] : rest; }
};

/// "properties", "patternProperties" and "additionalProperties" of one schema, which belong
/// together.
struct PropertyRule {
  std::vector<std::pair<std::string, Literal>> names;
  std::vector<std::pair<DfaPtr, Literal>> patterns;
  Literal others = kTrue;
  bool writes_others = false;  ///< the schema speaks of keys that it does not name
  bool operator==(const PropertyRule&) const = default;
};

struct ObjectSet {
  std::uint64_t min = 0;
  std::uint64_t max = kUnbounded;
  std::vector<std::string> required;
  std::vector<PropertyRule> rules;
  Conjunction key_schemas;  ///< "propertyNames"
  std::vector<std::pair<std::string, std::vector<std::string>>> dependent;
  bool operator==(const ObjectSet&) const = default;
};

struct ValueSet {
  bool null = false;
  bool no = false;
  bool yes = false;
  std::vector<NumberSet> numbers;
  std::vector<StringSet> strings;
  std::vector<ArraySet> arrays;
  std::vector<ObjectSet> objects;

  bool empty() const {
    return !null && !no && !yes && numbers.empty() && strings.empty() && arrays.empty() &&
           objects.empty();
  }
  static ValueSet everything();
};

/// Throw Error, naming `where`, when there are too many alternatives or an automaton is too large.
ValueSet intersection(const ValueSet& a, const ValueSet& b, std::string_view where);
void unite(ValueSet& set, const ValueSet& more, std::string_view where);

}  // namespace saccade::grammar
