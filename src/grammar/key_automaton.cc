#include "grammar/key_automaton.h"

#include <algorithm>
#include <unordered_set>

namespace saccade::grammar {
namespace {

/// The names of the schema: properties in their order, then what is only required.
std::vector<std::string> names_of(const ObjectSet& set) {
  std::vector<std::string> names;
  std::unordered_set<std::string> known;
  const auto add = [&](const std::string& name) {
    if (known.insert(name).second) names.push_back(name);
  };
  for (const PropertyRule& rule : set.rules) {
    for (const auto& entry : rule.names) add(entry.first);
  }
  for (const std::string& name : set.required) add(name);
  for (const auto& [name, needed] : set.dependent) {
    add(name);
    for (const std::string& other : needed) add(other);
  }
  return names;
}

/// What the rules say of the value of a key; `matches(rule, pattern)` says which patterns it has.
template <typename Matches>
Conjunction value_of(const ObjectSet& set, const std::string* name, const Matches& matches) {
  Conjunction conjunction;
  std::size_t pattern = 0;
  for (const PropertyRule& rule : set.rules) {
    bool spoken_of = false;
    if (name) {
      for (const auto& [key, value] : rule.names) {
        if (key != *name) continue;
        add_literal(conjunction, value);
        spoken_of = true;
      }
    }
    for (const auto& entry : rule.patterns) {
      if (!matches(pattern++)) continue;
      add_literal(conjunction, entry.second);
      spoken_of = true;
    }
    if (!spoken_of) add_literal(conjunction, rule.others);
  }
  return conjunction;
}

}  // namespace

Keys keys_of(const ObjectSet& set, SchemaValues& values, std::string_view where) {
  Keys keys;
  keys.names = names_of(set);
  DfaPtr allowed = universal();
  for (const Literal literal : set.key_schemas) {
    const DfaPtr names = values.strings(values.of(literal), where);
    allowed = names ? intersection(allowed, names, where) : std::make_shared<const Dfa>();
  }
  // Side by side: what may be a key at all, the names, and every pattern.
  std::vector<DfaPtr> parts = {allowed, literals(keys.names)};
  for (const PropertyRule& rule : set.rules) {
    for (const auto& entry : rule.patterns) parts.push_back(entry.first);
  }
  for (const std::string& name : keys.names) {
    keys.name_values.push_back(value_of(
        set, &name, [&](std::size_t pattern) { return parts[pattern + 2]->run(name) >= 0; }));
    keys.name_possible.push_back(allowed->run(name) >= 0);
  }
  std::map<std::vector<bool>, std::int32_t> classes;
  const auto ends = [&](std::size_t part, std::int32_t state) {
    return state != Dfa::kDead && parts[part]->accepts(state);
  };
  const auto label = [&](const States& states) -> std::int32_t {
    if (!ends(0, states[0])) return -1;
    if (ends(1, states[1])) return parts[1]->label(states[1]);
    std::vector<bool> patterns;
    for (std::size_t i = 2; i < states.size(); ++i) patterns.push_back(ends(i, states[i]));
    const auto [place, added] =
        classes.emplace(patterns, static_cast<std::int32_t>(classes.size()));
    if (added) {
      keys.class_values.push_back(
          value_of(set, nullptr, [&](std::size_t pattern) { return patterns[pattern]; }));
    }
    return static_cast<std::int32_t>(keys.names.size()) + place->second;
  };
  keys.dfa = std::make_shared<const Dfa>(combine(
      parts, [](const States& states) { return states[0] != Dfa::kDead; }, label, where));
  return keys;
}

}  // namespace saccade::grammar
