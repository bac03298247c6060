#include "grammar/schema_items.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <optional>

#include "base/error.h"

namespace saccade::grammar {
namespace {

namespace json = boost::json;

using Values = std::vector<json::value>;

constexpr std::size_t kMaxClasses = 256;  // each is a way to read the next item
constexpr int kMaxDepth = 20;             // of references and branches
constexpr double kExactDoubles = 1e15;    // integers up to here are doubles

/// As JSON Schema has it: 1 and 1.0 are the same.
bool same_value(const json::value& a, const json::value& b, const std::string& where) {
  if (a.is_number() && b.is_number()) return Decimal::of(a, where) == Decimal::of(b, where);
  if (a.is_array() && b.is_array()) {
    return std::ranges::equal(a.get_array(), b.get_array(), [&](const auto& x, const auto& y) {
      return same_value(x, y, where);
    });
  }
  if (a.is_object() && b.is_object()) {
    const json::object& other = b.get_object();
    return a.get_object().size() == other.size() &&
           std::ranges::all_of(a.get_object(), [&](const auto& member) {
             const json::value* value = other.if_contains(member.key());
             return value && same_value(member.value(), *value, where);
           });
  }
  return a == b;
}

/// Finds values of which a schema allows no others, though perhaps not all.
class ValueLists {
 public:
  explicit ValueLists(const SchemaDocument& document) : document_(document) {}

  std::optional<Values> of(const Conjunction& conjunction) const {
    for (const Literal literal : conjunction) {
      if (auto found = of(literal, 0)) return found;
    }
    return std::nullopt;
  }

 private:
  std::optional<Values> of(Literal literal, int depth) const {
    if (literal == kFalse) return Values();
    const json::value& value = document_.schema(literal);
    // Of an opposite there is no list.
    if (literal % 2 != 0 || !value.is_object() || depth > kMaxDepth) return std::nullopt;
    const json::object& schema = value.get_object();
    if (const json::value* list = schema.if_contains("enum")) {
      return Values(list->get_array().begin(), list->get_array().end());
    }
    if (const json::value* constant = schema.if_contains("const")) return Values{*constant};
    if (const json::value* reference = schema.if_contains("$ref")) {
      if (auto found = of(document_.target(reference->get_string(), literal), depth + 1)) {
        return found;
      }
    }
    if (const json::value* all = schema.if_contains("allOf")) {
      for (const json::value& branch : all->get_array()) {
        if (auto found = of(document_.literal_of(branch), depth + 1)) return found;
      }
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      const json::value* branches = schema.if_contains(key);
      if (!branches) continue;
      if (auto found = of_any(branches->get_array(), depth)) return found;
    }
    const json::value* types = schema.if_contains("type");
    return types ? of_types(*types, schema) : std::nullopt;
  }

  std::optional<Values> of_any(const json::array& branches, int depth) const {
    Values all;
    for (const json::value& branch : branches) {
      const auto found = of(document_.literal_of(branch), depth + 1);
      if (!found) return std::nullopt;
      all.insert(all.end(), found->begin(), found->end());
    }
    return all;
  }

  static std::optional<Values> of_types(const json::value& types, const json::object& schema) {
    const json::array names = types.is_array() ? types.get_array() : json::array{types};
    Values all;
    for (const json::value& name : names) {
      if (name == "null") {
        all.emplace_back(nullptr);
      } else if (name == "boolean") {
        all.emplace_back(true);
        all.emplace_back(false);
      } else if (name == "integer") {
        const auto integers = of_integers(schema);
        if (!integers) return std::nullopt;
        all.insert(all.end(), integers->begin(), integers->end());
      } else {
        return std::nullopt;
      }
    }
    return all;
  }

  /// Those between a schema's own bounds, the bounds included even where they are excluded.
  static std::optional<Values> of_integers(const json::object& schema) {
    const auto bound = [&](const char* key, const char* excluded) -> std::optional<double> {
      const json::value* value = schema.if_contains(key);
      if (!value) value = schema.if_contains(excluded);
      return value ? std::optional(value->to_number<double>()) : std::nullopt;
    };
    const auto low = bound("minimum", "exclusiveMinimum");
    const auto high = bound("maximum", "exclusiveMaximum");
    if (!low || !high || std::abs(*low) > kExactDoubles || std::abs(*high) > kExactDoubles ||
        *high - *low > static_cast<double>(kMaxClasses) + 1) {
      return std::nullopt;
    }
    Values all;
    for (double value = std::ceil(*low); value <= *high; ++value) {
      all.emplace_back(static_cast<std::int64_t>(value));
    }
    return all;
  }

  const SchemaDocument& document_;
};

std::vector<ItemClassSet> each_once(const ArraySet& array, SchemaDocument& document,
                                    const std::string& where) {
  const std::optional<Values> listed = ValueLists(document).of(array.rest);
  if (!listed) {
    fail(
        "{}: \"uniqueItems\" is supported for items of a list of values only (\"enum\", "
        "\"const\", integers with both bounds, true, false and null)",
        where);
  }
  Values values;
  for (const json::value& value : *listed) {
    const auto same = [&](const json::value& other) { return same_value(value, other, where); };
    if (std::ranges::none_of(values, same)) values.push_back(value);
    if (values.size() > kMaxClasses) {
      fail("{}: \"uniqueItems\" of more than {} values is not supported", where, kMaxClasses);
    }
  }
  std::vector<ItemClassSet> classes;
  for (const json::value& value : values) {
    classes.push_back({array.rest, 0, 1});
    add_literal(classes.back().values,
                document.constant(value, where.substr(where.rfind(": ") + 2)));
  }
  return classes;
}

}  // namespace

std::vector<ItemClassSet> item_classes(const ArraySet& array, SchemaDocument& document,
                                       const std::string& where) {
  const bool unique = array.unique && array.max > 1;
  if (!unique && array.counted.empty()) return {};
  if (unique && !array.counted.empty()) {
    fail("{}: \"uniqueItems\" together with \"contains\" is not supported", where);
  }
  if (!array.prefix.empty()) {
    fail("{}: \"{}\" together with \"prefixItems\" or a constant array is not supported", where,
         unique ? "uniqueItems" : "contains");
  }
  if (array.counted.size() > 1) {
    fail("{}: more than one \"contains\" of one array is not supported", where);
  }
  if (unique) return each_once(array, document, where);
  const CountedItems& counted = array.counted.front();
  std::vector<ItemClassSet> classes = {{array.rest, counted.min, counted.max}, {array.rest}};
  add_literal(classes[0].values, counted.schema);
  add_literal(classes[1].values, negated(counted.schema));
  return classes;
}

}  // namespace saccade::grammar
