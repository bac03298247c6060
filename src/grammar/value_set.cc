#include "grammar/value_set.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::grammar {
namespace {

constexpr std::size_t kMaxAlternatives = 2'000;

template <typename Set>
void add_new(std::vector<Set>& sets, const Set& set, std::string_view where) {
  if (std::ranges::find(sets, set) != sets.end()) return;
  if (sets.size() >= kMaxAlternatives) {
    fail("{}: it comes to more than {} alternatives", where, kMaxAlternatives);
  }
  sets.push_back(set);
}

bool is_empty(const NumberSet& set) {
  return set.empty();
}
bool is_empty(const StringSet& set) {
  return set.dfa->empty() || set.min > set.max;
}
bool is_empty(const ArraySet& set) {
  return set.min > set.max;
}
bool is_empty(const ObjectSet& set) {
  return set.min > set.max || set.required.size() > set.max;
}

StringSet intersection(const StringSet& a, const StringSet& b, std::string_view where) {
  return {intersection(a.dfa, b.dfa, where), std::max(a.min, b.min), std::min(a.max, b.max)};
}

ArraySet intersection(const ArraySet& a, const ArraySet& b, std::string_view) {
  ArraySet both = a;
  both.min = std::max(a.min, b.min);
  both.max = std::min(a.max, b.max);
  both.prefix.clear();
  add_all(both.rest, b.rest);
  both.unique |= b.unique;
  for (const CountedItems& counted : b.counted) {
    if (std::ranges::find(both.counted, counted) == both.counted.end()) {
      both.counted.push_back(counted);
    }
  }
  for (std::size_t i = 0; i < std::max(a.prefix.size(), b.prefix.size()); ++i) {
    both.prefix.push_back(a.item(i));
    add_all(both.prefix.back(), b.item(i));
  }
  return both;
}

ObjectSet intersection(const ObjectSet& a, const ObjectSet& b, std::string_view) {
  ObjectSet both = a;
  both.min = std::max(a.min, b.min);
  both.max = std::min(a.max, b.max);
  for (const std::string& name : b.required) {
    if (std::ranges::find(both.required, name) == both.required.end()) {
      both.required.push_back(name);
    }
  }
  for (const PropertyRule& rule : b.rules) {
    if (std::ranges::find(both.rules, rule) == both.rules.end()) both.rules.push_back(rule);
  }
  add_all(both.key_schemas, b.key_schemas);
  both.dependent.insert(both.dependent.end(), b.dependent.begin(), b.dependent.end());
  return both;
}

template <typename Set>
std::vector<Set> pairwise(const std::vector<Set>& a, const std::vector<Set>& b,
                          std::string_view where) {
  std::vector<Set> both;
  for (const Set& x : a) {
    for (const Set& y : b) {
      const Set set = x == y ? x : intersection(x, y, where);
      if (!is_empty(set)) add_new(both, set, where);
    }
  }
  return both;
}

}  // namespace

void add_literal(Conjunction& conjunction, Literal literal) {
  if (literal == kTrue) return;
  const auto place = std::ranges::lower_bound(conjunction, literal);
  if (place == conjunction.end() || *place != literal) conjunction.insert(place, literal);
}

void add_all(Conjunction& conjunction, const Conjunction& more) {
  for (const Literal literal : more) add_literal(conjunction, literal);
}

ValueSet ValueSet::everything() {
  return {true, true, true, {NumberSet()}, {StringSet()}, {ArraySet()}, {ObjectSet()}};
}

ValueSet intersection(const ValueSet& a, const ValueSet& b, std::string_view where) {
  return {a.null && b.null,
          a.no && b.no,
          a.yes && b.yes,
          pairwise(a.numbers, b.numbers, where),
          pairwise(a.strings, b.strings, where),
          pairwise(a.arrays, b.arrays, where),
          pairwise(a.objects, b.objects, where)};
}

void unite(ValueSet& set, const ValueSet& more, std::string_view where) {
  set.null |= more.null;
  set.no |= more.no;
  set.yes |= more.yes;
  for (const auto& numbers : more.numbers) add_new(set.numbers, numbers, where);
  for (const auto& strings : more.strings) add_new(set.strings, strings, where);
  for (const auto& arrays : more.arrays) add_new(set.arrays, arrays, where);
  for (const auto& objects : more.objects) add_new(set.objects, objects, where);
}

}  // namespace saccade::grammar
