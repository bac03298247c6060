// allOf, anyOf, oneOf, not, if and $ref: how schemas are put together.
#include <algorithm>

#include "grammar/schema_parts.h"
#include "grammar/schema_values.h"

namespace saccade::grammar {

namespace json = boost::json;

namespace {

/// How deep exactly_one() looks for what makes two branches exclude each other.
constexpr int kEmptinessDepth = 8;

}  // namespace

void SchemaValues::narrow_by_combinations(const Object& schema, Literal literal, ValueSet& set) {
  const std::string where = document_.path(literal);
  if (const json::value* reference = schema.if_contains("$ref")) {
    set = intersection(set, of(document_.target(view(*reference), literal)), where);
  }
  if (const json::value* all = schema.if_contains("allOf")) {
    for (const json::value& branch : all->get_array()) {
      set = intersection(set, of(document_.literal_of(branch)), where);
    }
  }
  if (const json::value* any = schema.if_contains("anyOf")) {
    ValueSet either;
    for (const json::value& branch : any->get_array()) {
      unite(either, of(document_.literal_of(branch)), where);
    }
    set = intersection(set, either, where);
  }
  if (const json::value* one = schema.if_contains("oneOf")) {
    set = intersection(set, exactly_one(one->get_array(), literal), where);
  }
  if (const json::value* other = schema.if_contains("not")) {
    set = intersection(set, of(negated(document_.literal_of(*other))), where);
  }
  if (schema.contains("if")) set = intersection(set, conditional(schema, literal, false), where);
}

void SchemaValues::not_combinations(const Object& schema, Literal literal, ValueSet& set) {
  const std::string where = document_.path(literal);
  if (const json::value* reference = schema.if_contains("$ref")) {
    unite(set, of(negated(document_.target(view(*reference), literal))), where);
  }
  if (const json::value* all = schema.if_contains("allOf")) {
    for (const json::value& branch : all->get_array()) {
      unite(set, of(negated(document_.literal_of(branch))), where);
    }
  }
  if (const json::value* any = schema.if_contains("anyOf")) {
    ValueSet none = ValueSet::everything();
    for (const json::value& branch : any->get_array()) {
      none = intersection(none, of(negated(document_.literal_of(branch))), where);
    }
    unite(set, none, where);
  }
  if (schema.contains("oneOf")) refuse_negation(literal, R"("oneOf")");
  if (const json::value* other = schema.if_contains("not")) {
    unite(set, of(document_.literal_of(*other)), where);
  }
  if (schema.contains("if")) unite(set, conditional(schema, literal, true), where);
}

ValueSet SchemaValues::exactly_one(const json::array& branches, Literal literal) {
  const std::string where = document_.path(literal);
  std::vector<ValueSet> sets;
  for (const json::value& branch : branches) sets.push_back(of(document_.literal_of(branch)));
  ValueSet result;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    ValueSet alone = sets[i];
    for (std::size_t j = 0; j < sets.size(); ++j) {
      // Branches that exclude each other, as those with a tag do, need no opposite.
      if (i == j || certainly_empty(intersection(sets[i], sets[j], where), 0)) continue;
      alone = intersection(alone, of(negated(document_.literal_of(branches[j]))), where);
    }
    unite(result, alone, where);
  }
  return result;
}

ValueSet SchemaValues::conditional(const Object& schema, Literal literal, bool opposite) {
  const std::string where = document_.path(literal);
  const Literal condition = document_.literal_of(schema.at("if"));
  const auto branch = [&](std::string_view key, Literal when) {
    const json::value* value = schema.if_contains(key);
    const Literal then = value ? document_.literal_of(*value) : kTrue;
    return intersection(of(when), of(opposite ? negated(then) : then), where);
  };
  if (!schema.contains("then") && !schema.contains("else")) {
    return opposite ? ValueSet() : ValueSet::everything();
  }
  ValueSet set = branch("then", condition);
  unite(set, branch("else", negated(condition)), where);
  return set;
}

bool SchemaValues::certainly_empty(const ValueSet& set, int depth) {
  if (set.null || set.no || set.yes || !set.numbers.empty() || !set.strings.empty()) return false;
  if (depth > kEmptinessDepth) return false;
  const auto no_array = [&](const ArraySet& array) {
    for (std::size_t i = 0; i < std::min<std::uint64_t>(array.min, array.prefix.size() + 1); ++i) {
      if (certainly_empty(of(array.item(i)), depth + 1)) return true;
    }
    return false;
  };
  return std::ranges::all_of(set.arrays, no_array) &&
         std::ranges::all_of(
             set.objects, [&](const ObjectSet& object) { return certainly_empty(object, depth); });
}

bool SchemaValues::certainly_empty(const ObjectSet& set, int depth) {
  for (const std::string& name : set.required) {
    Conjunction conjunction;
    for (const PropertyRule& rule : set.rules) {
      bool named = false;
      for (const auto& [key, value] : rule.names) {
        if (key != name) continue;
        add_literal(conjunction, value);
        named = true;
      }
      for (const auto& [pattern, value] : rule.patterns) {
        if (pattern->run(name) < 0) continue;
        add_literal(conjunction, value);
        named = true;
      }
      if (!named) add_literal(conjunction, rule.others);
    }
    // Schemas that are being worked out may be asked about themselves here: then nothing is
    // certain.
    if (std::ranges::any_of(conjunction, [&](Literal l) { return open_.contains(l); })) continue;
    if (certainly_empty(of(conjunction), depth + 1)) return true;
  }
  return false;
}

}  // namespace saccade::grammar
