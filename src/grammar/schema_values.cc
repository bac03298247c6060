#include "grammar/schema_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "grammar/formats.h"
#include "grammar/regex.h"
#include "text/unicode.h"

namespace saccade::grammar {
namespace {

namespace json = boost::json;

constexpr int kEmptinessDepth = 8;

std::optional<std::uint64_t> count(const json::object& schema, std::string_view key) {
  const json::value* value = schema.if_contains(key);
  if (!value) return std::nullopt;
  return value->is_double() ? static_cast<std::uint64_t>(value->get_double())
                            : value->to_number<std::uint64_t>();
}

std::string_view view(const json::value& value) {
  return value.get_string();
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

ValueSet of_numbers(std::vector<NumberSet> sets) {
  ValueSet set;
  set.numbers = std::move(sets);
  return set;
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
NumberSet at_least(Decimal low, bool excluded) {
  NumberSet set;
  set.low = std::move(low);
  set.low_excluded = excluded;
  return set;
}
NumberSet at_most(Decimal high, bool excluded) {
  NumberSet set;
  set.high = std::move(high);
  set.high_excluded = excluded;
  return set;
}

}  // namespace

const ValueSet& SchemaValues::of(Literal literal) {
  if (const auto found = known_.find(literal); found != known_.end()) return found->second;
  if (!open_.insert(literal).second) {
    document_.refuse(literal, "the schema refers to itself without end");
  }
  ValueSet set = literal % 2 == 0 ? allowed(literal) : forbidden(literal);
  open_.erase(literal);
  return known_.emplace(literal, std::move(set)).first->second;
}

ValueSet SchemaValues::of(const Conjunction& conjunction) {
  ValueSet set = ValueSet::everything();
  for (const Literal literal : conjunction) {
    set = intersection(set, of(literal), document_.path(literal));
  }
  return set;
}

DfaPtr SchemaValues::strings(const ValueSet& set, std::string_view where) const {
  DfaPtr all;
  for (const StringSet& part : set.strings) {
    const DfaPtr dfa = with_length(part.dfa, part.min, part.max, where);
    all = all ? either(all, dfa, where) : dfa;
  }
  return all;
}

ValueSet SchemaValues::allowed(Literal literal) {
  const json::value& value = document_.schema(literal);
  ValueSet set = ValueSet::everything();
  if (value.is_bool()) return value.get_bool() ? set : ValueSet();
  const Object& schema = value.get_object();
  const std::string where = document_.path(literal);
  if (const json::value* type = schema.if_contains("type")) set = types(*type, false, literal);
  if (schema.contains("enum") || schema.contains("const")) {
    set = intersection(set, constants(schema, literal), where);
  }
  ValueSet rules = ValueSet::everything();
  if (!set.numbers.empty()) rules.numbers = {number_rules(schema, literal)};
  if (!set.strings.empty()) rules.strings = {string_rules(schema, literal)};
  rules.arrays = {array_rules(schema)};
  if (!set.objects.empty()) rules.objects = {object_rules(schema, literal)};
  set = intersection(set, rules, where);
  narrow_by_combinations(schema, literal, set);
  return set;
}

ValueSet SchemaValues::forbidden(Literal literal) {
  const json::value& value = document_.schema(literal);
  if (value.is_bool()) return value.get_bool() ? ValueSet() : ValueSet::everything();
  const Object& schema = value.get_object();
  const std::string where = document_.path(literal);
  ValueSet set;
  if (const json::value* type = schema.if_contains("type")) set = types(*type, true, literal);
  if (schema.contains("enum") || schema.contains("const")) {
    unite(set, not_constants(schema, literal), where);
  }
  not_numbers(schema, literal, set);
  not_strings(schema, literal, set);
  not_arrays(schema, literal, set);
  not_objects(schema, literal, set);
  not_combinations(schema, literal, set);
  return set;
}

void SchemaValues::refuse_negation(Literal literal, std::string_view keyword) const {
  document_.refuse(literal, fmt::format("the opposite of \"{}\" is wanted here (by \"not\", "
                                        "\"oneOf\" or \"if\"), which is not supported",
                                        keyword));
}

ValueSet SchemaValues::types(const json::value& value, bool opposite, Literal literal) const {
  std::vector<std::string> names;
  if (value.is_string()) {
    names.emplace_back(view(value));
  } else {
    for (const json::value& item : value.get_array()) names.emplace_back(view(item));
  }
  const bool number = contains(names, "number");
  const bool integer = contains(names, "integer");
  if (opposite && integer && !number) refuse_negation(literal, "type\": \"integer");
  const auto wanted = [&](std::string_view name) { return contains(names, name) != opposite; };
  ValueSet set;
  set.null = wanted("null");
  set.no = set.yes = wanted("boolean");
  if (wanted("number")) {
    set.numbers = {NumberSet()};
  } else if (integer && !opposite) {
    set.numbers = {NumberSet()};
    set.numbers.front().integer = true;
  }
  if (wanted("string")) set.strings = {StringSet()};
  if (wanted("array")) set.arrays = {ArraySet()};
  if (wanted("object")) set.objects = {ObjectSet()};
  return set;
}

ValueSet SchemaValues::constant(const json::value& value, Literal literal) {
  const std::string where = document_.path(literal);
  const auto child = [&](const json::value& inner) {
    return document_.constant(inner, where.substr(where.rfind(": ") + 2));
  };
  ValueSet set;
  if (value.is_null()) {
    set.null = true;
  } else if (value.is_bool()) {
    (value.get_bool() ? set.yes : set.no) = true;
  } else if (value.is_number()) {
    NumberSet number;
    number.low = number.high = Decimal::of(value, where);
    set.numbers = {number};
  } else if (value.is_array()) {
    ArraySet array{value.get_array().size(), value.get_array().size(), {}, {}};
    for (const json::value& item : value.get_array()) array.prefix.push_back({child(item)});
    set.arrays = {array};
  } else if (value.is_object()) {
    ObjectSet object;
    object.rules.emplace_back();
    object.rules.front().others = kFalse;
    for (const auto& entry : value.get_object()) {
      object.required.emplace_back(entry.key());
      object.rules.front().names.emplace_back(entry.key(), child(entry.value()));
    }
    set.objects = {object};
  }
  return set;
}

ValueSet SchemaValues::constants(const Object& schema, Literal literal) {
  const std::string where = document_.path(literal);
  const auto of_list = [&](const json::array& list) {
    ValueSet set;
    std::vector<std::string> words;
    for (const json::value& value : list) {
      if (value.is_string()) {
        words.emplace_back(view(value));
      } else {
        unite(set, constant(value, literal), where);
      }
    }
    if (!words.empty()) set.strings = {{literals(words)}};
    return set;
  };
  ValueSet set = ValueSet::everything();
  if (const json::value* list = schema.if_contains("enum")) set = of_list(list->get_array());
  if (const json::value* value = schema.if_contains("const")) {
    set = intersection(set, of_list(json::array{*value}), where);
  }
  return set;
}

ValueSet SchemaValues::not_constants(const Object& schema, Literal literal) const {
  const std::string where = document_.path(literal);
  const auto without = [&](const json::array& list) {
    ValueSet set = ValueSet::everything();
    std::vector<std::string> words;
    for (const json::value& value : list) {
      if (value.is_structured())
        refuse_negation(literal, "enum\" or \"const\" with arrays or objects");
      if (value.is_null()) set.null = false;
      if (value.is_bool()) (value.get_bool() ? set.yes : set.no) = false;
      if (value.is_string()) words.emplace_back(view(value));
      if (value.is_number()) {
        const Decimal number = Decimal::of(value, where);
        const ValueSet others = of_numbers({at_most(number, true), at_least(number, true)});
        ValueSet narrowed = ValueSet::everything();
        narrowed.numbers = others.numbers;
        set = intersection(set, narrowed, where);
      }
    }
    if (!words.empty()) {
      set.strings.front().dfa = difference(universal(), literals(words), where);
    }
    return set;
  };
  ValueSet set;
  if (const json::value* list = schema.if_contains("enum")) set = without(list->get_array());
  if (const json::value* value = schema.if_contains("const")) {
    unite(set, without(json::array{*value}), where);
  }
  return set;
}

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
  if (schema.contains("multipleOf")) refuse_negation(literal, "multipleOf");
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
    const DfaPtr format = format_automaton(view(*name));
    if (!format) {
      document_.refuse(literal,
                       fmt::format("the format {} is not supported", text::in_quotes(view(*name))));
    }
    set.dfa = intersection(set.dfa, format, where);
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
    const DfaPtr others = difference(universal(), string_rules(alone, literal).dfa, where);
    unite(set, of_strings({.dfa = others}), where);
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
  const ArraySet rules = array_rules(schema);
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
    refuse_negation(literal, "items");
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
    if (!rule.patterns.empty()) refuse_negation(literal, "patternProperties");
    if (rule.others != kTrue) refuse_negation(literal, "additionalProperties");
  }
  if (!rules.key_schemas.empty()) refuse_negation(literal, "propertyNames");
}

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
  if (schema.contains("oneOf")) refuse_negation(literal, "oneOf");
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
