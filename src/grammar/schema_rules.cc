// The keywords of one type of value, and their opposites.
#include <fmt/format.h>

#include "base/error.h"
#include "grammar/formats.h"
#include "grammar/regex.h"
#include "grammar/schema_parts.h"
#include "grammar/schema_values.h"
#include "text/unicode.h"

namespace saccade::grammar {

namespace json = boost::json;

namespace {

std::optional<std::uint64_t> count(const json::object& schema, std::string_view key) {
  const json::value* value = schema.if_contains(key);
  if (!value) return std::nullopt;
  return value->is_double() ? static_cast<std::uint64_t>(value->get_double())
                            : value->to_number<std::uint64_t>();
}

ValueSet of_strings(StringSet strings) {
  ValueSet set;
  set.strings = {std::move(strings)};
  return set;
}

ValueSet of_arrays(ArraySet arrays) {
  ValueSet set;
  set.arrays = {std::move(arrays)};
  return set;
}

ValueSet of_objects(ObjectSet objects) {
  ValueSet set;
  set.objects = {std::move(objects)};
  return set;
}

}  // namespace

NumberSet SchemaValues::number_rules(const Object& schema, Literal literal) const {
  const std::string where = document_.path(literal);
  NumberSet set;
  const auto number = [&](std::string_view key) { return schema.if_contains(key); };
  if (const json::value* value = number("minimum")) {
    set = intersection(set, at_least(Decimal::of(*value, where), false), where);
  }
  if (const json::value* value = number("exclusiveMinimum")) {
    set = intersection(set, at_least(Decimal::of(*value, where), true), where);
  }
  if (const json::value* value = number("maximum")) {
    set = intersection(set, at_most(Decimal::of(*value, where), false), where);
  }
  if (const json::value* value = number("exclusiveMaximum")) {
    set = intersection(set, at_most(Decimal::of(*value, where), true), where);
  }
  if (const json::value* value = number("multipleOf")) {
    set.multiple = Decimal::of(*value, where);
    // One of more digits could not be told from its neighbours.
    if (set.multiple->digits().size() > 15)
      document_.refuse(literal, "\"multipleOf\" has too many digits");
  }
  return set;
}

void SchemaValues::not_numbers(const Object& schema, Literal literal, ValueSet& set) const {
  const std::string where = document_.path(literal);
  const auto add = [&](std::string_view key, auto opposite, bool excluded) {
    const json::value* value = schema.if_contains(key);
    if (value) unite(set, of_numbers({opposite(Decimal::of(*value, where), excluded)}), where);
  };
  add("minimum", at_most, true);
  add("exclusiveMinimum", at_most, false);
  add("maximum", at_least, true);
  add("exclusiveMaximum", at_least, false);
  if (schema.contains("multipleOf")) refuse_negation(literal, R"("multipleOf")");
}

StringSet SchemaValues::string_rules(const Object& schema, Literal literal) const {
  const std::string where = document_.path(literal);
  StringSet set;
  set.min = count(schema, "minLength").value_or(0);
  set.max = count(schema, "maxLength").value_or(kUnbounded);
  try {
    if (const json::value* pattern = schema.if_contains("pattern")) {
      set.dfa = compile_regex(view(*pattern), RegexMatch::kSearch);
    }
  } catch (const Error& error) {
    document_.refuse(literal, error.what());
  }
  if (const json::value* name = schema.if_contains("format")) {
    const std::optional<Format> format = format_of(view(*name));
    if (!format) {
      document_.refuse(literal,
                       fmt::format("the format {} is not supported", text::in_quotes(view(*name))));
    }
    set.dfa = intersection(set.dfa, format->dfa, where);
    set.max = std::min(set.max, format->max);
  }
  return set;
}

void SchemaValues::not_strings(const Object& schema, Literal literal, ValueSet& set) const {
  const std::string where = document_.path(literal);
  if (const auto min = count(schema, "minLength"); min && *min > 0) {
    unite(set, of_strings({.max = *min - 1}), where);
  }
  if (const auto max = count(schema, "maxLength")) {
    unite(set, of_strings({.min = *max + 1}), where);
  }
  for (const std::string_view key : {"pattern", "format"}) {
    if (!schema.contains(key)) continue;
    const Object alone{{key, schema.at(key)}};
    const StringSet rules = string_rules(alone, literal);
    const DfaPtr others = difference(universal(), rules.dfa, where);
    unite(set, of_strings({.dfa = others}), where);
    if (rules.max != kUnbounded) unite(set, of_strings({.min = rules.max + 1}), where);
  }
}

ArraySet SchemaValues::array_rules(const Object& schema) const {
  ArraySet set;
  set.min = count(schema, "minItems").value_or(0);
  set.max = count(schema, "maxItems").value_or(kUnbounded);
  if (const json::value* items = schema.if_contains("prefixItems")) {
    for (const json::value& item : items->get_array()) {
      set.prefix.emplace_back();
      add_literal(set.prefix.back(), document_.literal_of(item));
    }
  }
  if (const json::value* items = schema.if_contains("items")) {
    add_literal(set.rest, document_.literal_of(*items));
  }
  const json::value* unique = schema.if_contains("uniqueItems");
  set.unique = unique && unique->get_bool();
  if (const json::value* items = schema.if_contains("contains")) {
    const CountedItems counted{document_.literal_of(*items),
                               count(schema, "minContains").value_or(1),
                               count(schema, "maxContains").value_or(kUnbounded)};
    if (counted.min > counted.max) set.max = 0, set.min = 1;  // no array at all
    if (counted.min > 0 || counted.max != kUnbounded) set.counted.push_back(counted);
  }
  return set;
}

void SchemaValues::not_arrays(const Object& schema, Literal literal, ValueSet& set) const {
  const std::string where = document_.path(literal);
  if (const auto min = count(schema, "minItems"); min && *min > 0) {
    unite(set, of_arrays({.max = *min - 1}), where);
  }
  if (const auto max = count(schema, "maxItems")) {
    unite(set, of_arrays({.min = *max + 1}), where);
  }
  if (const json::value* unique = schema.if_contains("uniqueItems"); unique && unique->get_bool()) {
    refuse_negation(literal, R"("uniqueItems")");
  }
  const ArraySet rules = array_rules(schema);
  for (const CountedItems& counted : rules.counted) {
    if (counted.min > 0) {
      unite(set, of_arrays({.counted = {{counted.schema, 0, counted.min - 1}}}), where);
    }
    if (counted.max != kUnbounded) {
      unite(set, of_arrays({.counted = {{counted.schema, counted.max + 1}}}), where);
    }
  }
  for (std::size_t i = 0; i < rules.prefix.size(); ++i) {
    if (rules.prefix[i].empty()) continue;
    ArraySet others{.min = i + 1};
    others.prefix.resize(i + 1);
    add_literal(others.prefix[i], negated(rules.prefix[i].front()));
    unite(set, of_arrays(others), where);
  }
  if (rules.rest == Conjunction{kFalse}) {
    unite(set, of_arrays({.min = rules.prefix.size() + 1}), where);
  } else if (!rules.rest.empty()) {
    refuse_negation(literal, R"("items")");
  }
}

ObjectSet SchemaValues::object_rules(const Object& schema, Literal literal) const {
  ObjectSet set;
  set.min = count(schema, "minProperties").value_or(0);
  set.max = count(schema, "maxProperties").value_or(kUnbounded);
  if (const json::value* names = schema.if_contains("required")) {
    for (const json::value& name : names->get_array()) {
      if (!contains(set.required, view(name))) set.required.emplace_back(view(name));
    }
  }
  PropertyRule rule;
  if (const json::value* names = schema.if_contains("properties")) {
    for (const auto& entry : names->get_object()) {
      rule.names.emplace_back(entry.key(), document_.literal_of(entry.value()));
    }
  }
  if (const json::value* patterns = schema.if_contains("patternProperties")) {
    for (const auto& entry : patterns->get_object()) {
      try {
        rule.patterns.emplace_back(compile_regex(entry.key(), RegexMatch::kSearch),
                                   document_.literal_of(entry.value()));
      } catch (const Error& error) {
        document_.refuse(literal, error.what());
      }
    }
  }
  if (const json::value* others = schema.if_contains("additionalProperties")) {
    rule.others = document_.literal_of(*others);
  }
  rule.writes_others =
      schema.contains("patternProperties") || schema.contains("additionalProperties");
  if (!(rule == PropertyRule())) set.rules.push_back(std::move(rule));
  if (const json::value* keys = schema.if_contains("propertyNames")) {
    add_literal(set.key_schemas, document_.literal_of(*keys));
  }
  if (const json::value* lists = schema.if_contains("dependentRequired")) {
    for (const auto& entry : lists->get_object()) {
      set.dependent.emplace_back(std::string(entry.key()), std::vector<std::string>());
      for (const json::value& name : entry.value().get_array()) {
        set.dependent.back().second.emplace_back(view(name));
      }
    }
  }
  return set;
}

void SchemaValues::not_objects(const Object& schema, Literal literal, ValueSet& set) const {
  const std::string where = document_.path(literal);
  const ObjectSet rules = object_rules(schema, literal);
  if (rules.min > 0) unite(set, of_objects({.max = rules.min - 1}), where);
  if (rules.max != kUnbounded) unite(set, of_objects({.min = rules.max + 1}), where);
  const auto without = [](const std::string& name) {
    PropertyRule rule;
    rule.names.emplace_back(name, kFalse);
    return rule;
  };
  for (const std::string& name : rules.required) {
    unite(set, of_objects({.rules = {without(name)}}), where);
  }
  for (const auto& [name, needed] : rules.dependent) {
    for (const std::string& other : needed) {
      unite(set, of_objects({.required = {name}, .rules = {without(other)}}), where);
    }
  }
  for (const PropertyRule& rule : rules.rules) {
    for (const auto& [name, value] : rule.names) {
      if (value == kTrue) continue;
      PropertyRule other;
      other.names.emplace_back(name, negated(value));
      unite(set, of_objects({.required = {name}, .rules = {other}}), where);
    }
    if (!rule.patterns.empty()) refuse_negation(literal, R"("patternProperties")");
    if (rule.others != kTrue) refuse_negation(literal, R"("additionalProperties")");
  }
  if (!rules.key_schemas.empty()) refuse_negation(literal, R"("propertyNames")");
}

}  // namespace saccade::grammar
