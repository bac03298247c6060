#include "grammar/schema_values.h"

#include <fmt/format.h>

#include "grammar/schema_parts.h"

namespace saccade::grammar {

namespace json = boost::json;

namespace {

/// Each level takes stack.
constexpr std::size_t kMaxNesting = 500;

}  // namespace

const ValueSet& SchemaValues::of(Literal literal) {
  if (const auto found = known_.find(literal); found != known_.end()) return found->second;
  if (!open_.insert(literal).second) {
    document_.refuse(literal, "the schema refers to itself without end");
  }
  if (open_.size() > kMaxNesting) {
    document_.refuse(literal, fmt::format("over {} schemas lead to this one, each by a reference "
                                          "or as a branch of the one before, which is too deep",
                                          kMaxNesting));
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

void SchemaValues::refuse_negation(Literal literal, std::string_view what) const {
  document_.refuse(literal, fmt::format("the opposite of {} is wanted here (by \"not\", \"oneOf\", "
                                        "\"if\" or \"contains\"), which is not supported",
                                        what));
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
  if (opposite && integer && !number) refuse_negation(literal, R"("type": "integer")");
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
      if (value.is_structured()) {
        refuse_negation(literal, R"("enum" or "const" with arrays or objects)");
      }
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

}  // namespace saccade::grammar
