// Filters that choose, order and group the items of a sequence.
#include <algorithm>
#include <iterator>
#include <unordered_set>

#include "text/jinja/attribute_path.h"
#include "text/jinja/fault.h"
#include "text/jinja/filters.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/string_split.h"
#include "text/jinja/tests.h"

namespace saccade::text::jinja {
namespace {

/// What is left of the arguments, with `item` in front: a call of a filter or test by name.
Arguments call_with(const Value& item, const Arguments& rest, std::size_t skipped) {
  Arguments call;
  call.positional.push_back(item);
  call.positional.insert(call.positional.end(),
                         rest.positional.begin() + static_cast<std::ptrdiff_t>(skipped),
                         rest.positional.end());
  call.keyword = rest.keyword;
  return call;
}

Value map_attribute(Runtime& runtime, const Value& from, Arguments arguments) {
  const Value attribute = arguments.take("attribute");
  const AttributePath path(attribute, arguments.take("default"));
  if (!arguments.keyword.empty()) {
    raise("Unexpected keyword argument '{}'", arguments.keyword[0].first);
  }
  std::vector<Value> out;
  for (const auto all = runtime.iterate(from); const Value& item : all->items)
    out.push_back(path.get(runtime, item));
  return runtime.generator("generator", std::move(out));
}

Value map(Runtime& runtime, const Arguments& arguments) {
  const Value from = arguments.positional[0];
  const bool by_attribute =
      arguments.positional.size() == 1 &&
      std::any_of(arguments.keyword.begin(), arguments.keyword.end(),
                  [](const auto& entry) { return entry.first == "attribute"; });
  if (!truthy(from)) return runtime.generator("generator", {});
  if (by_attribute) return map_attribute(runtime, from, arguments);
  if (arguments.positional.size() < 2) raise("map requires a filter argument");
  const std::string& name = string_argument(arguments.positional[1], "the name of a filter");
  const FilterEntry* filter = find_filter(name);
  if (filter == nullptr) raise("No filter named '{}'.", name);
  std::vector<Value> out;
  for (const auto all = runtime.iterate(from); const Value& item : all->items) {
    runtime.step();
    const Runtime::Depth depth(runtime);
    out.push_back(filter->function(runtime, call_with(item, arguments, 2)));
  }
  return runtime.generator("generator", std::move(out));
}

/// select, reject and, with an attribute in front, selectattr and rejectattr.
Value choose(Runtime& runtime, const Arguments& arguments, bool by_attribute, bool wanted) {
  const std::size_t test_at = by_attribute ? 2 : 1;
  const auto& given = arguments.positional;
  if (!truthy(given[0])) return runtime.generator("generator", {});
  if (by_attribute && given.size() < 2) raise("Missing parameter for attribute name");
  const AttributePath path(by_attribute ? given[1] : Value());
  const TestEntry* test = nullptr;
  if (given.size() > test_at) {
    const std::string& name = string_argument(given[test_at], "the name of a test");
    test = find_test(name);
    if (test == nullptr) raise("No test named '{}'.", name);
  }
  std::vector<Value> out;
  for (const auto all = runtime.iterate(given[0]); const Value& item : all->items) {
    runtime.step();
    const Value value = path.get(runtime, item);
    const bool holds = test == nullptr
                           ? truthy(value)
                           : test->function(runtime, call_with(value, arguments, test_at + 1));
    if (holds == wanted) out.push_back(item);
  }
  return runtime.generator("generator", std::move(out));
}

Value select(Runtime& runtime, const Arguments& arguments) {
  return choose(runtime, arguments, false, true);
}
Value reject(Runtime& runtime, const Arguments& arguments) {
  return choose(runtime, arguments, false, false);
}
Value selectattr(Runtime& runtime, const Arguments& arguments) {
  return choose(runtime, arguments, true, true);
}
Value rejectattr(Runtime& runtime, const Arguments& arguments) {
  return choose(runtime, arguments, true, false);
}

std::vector<Value> in_order(Runtime& runtime, const std::vector<Value>& items,
                            const std::vector<Value>& keys, bool reverse) {
  std::vector<Value> out;
  out.reserve(items.size());
  for (const std::size_t index : sorted_order(runtime, keys, reverse)) {
    out.push_back(items[index]);
  }
  return out;
}

/// The values of all paths of "age,name".
Value sort_key(Runtime& runtime, const std::vector<AttributePath>& paths, const Value& item,
               bool case_sensitive) {
  std::vector<Value> values;
  for (const AttributePath& path : paths) {
    values.push_back(path.key(runtime, item, case_sensitive));
  }
  return runtime.list(std::move(values));
}

Value sort(Runtime& runtime, const Arguments& arguments) {
  const auto bound =
      bind_arguments("sort", arguments, {"value", "reverse", "case_sensitive", "attribute"}, 1);
  std::vector<AttributePath> paths;
  if (bound[3].is_string()) {
    for (const std::string_view path : split_at(bound[3].as_string(), ",", -1, false)) {
      paths.emplace_back(Value::string(std::string(path)));
    }
  } else {
    paths.emplace_back(bound[3]);
  }
  const auto items = runtime.iterate(bound[0]);
  std::vector<Value> keys;
  for (const Value& item : items->items) {
    keys.push_back(sort_key(runtime, paths, item, truthy(bound[2])));
  }
  return runtime.list(in_order(runtime, items->items, keys, truthy(bound[1])));
}

Value dictsort(Runtime& runtime, const Arguments& arguments) {
  const auto bound =
      bind_arguments("dictsort", arguments, {"value", "case_sensitive", "by", "reverse"}, 1);
  const std::string by = bound[2].is_missing() ? "key" : str(bound[2]);
  if (by != "key" && by != "value") raise("You can only sort by either \"key\" or \"value\"");
  if (bound[0].is_undefined()) raise("{}", bound[0].undefined_message());
  if (!bound[0].is_dict()) {
    raise("'{} object' has no attribute 'items'", type_name(bound[0]));
  }
  DictView view(DictView::Kind::kItems, bound[0].dict_pointer());
  const auto items = view.iterate(runtime);
  std::vector<Value> keys;
  for (const Value& item : items->items) {
    const Value& key = item.items()[by == "key" ? 0 : 1];
    keys.push_back(truthy(bound[1]) ? key : ignore_case(runtime, key));
  }
  return runtime.list(in_order(runtime, items->items, keys, truthy(bound[3])));
}

Value extreme(Runtime& runtime, const Arguments& arguments, bool largest) {
  const auto bound = bind_arguments("min", arguments, {"value", "case_sensitive", "attribute"}, 1);
  const AttributePath path(bound[2]);
  const auto items = runtime.iterate(bound[0]);
  if (items->items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const Value* best = nullptr;
  Value best_key;
  for (const Value& item : items->items) {
    runtime.step();
    Value key = path.key(runtime, item, truthy(bound[1]));
    runtime.charge(std::min(key.weight(), best_key.weight()));
    const bool better =
        best == nullptr || (largest ? less(best_key, key, ">") : less(key, best_key));
    if (!better) continue;
    best = &item;
    best_key = std::move(key);
  }
  return *best;
}

Value min(Runtime& runtime, const Arguments& arguments) {
  return extreme(runtime, arguments, false);
}
Value max(Runtime& runtime, const Arguments& arguments) {
  return extreme(runtime, arguments, true);
}

Value unique(Runtime& runtime, const Arguments& arguments) {
  const auto bound =
      bind_arguments("unique", arguments, {"value", "case_sensitive", "attribute"}, 1);
  const AttributePath path(bound[2]);
  std::unordered_set<Value, ValueHash, ValueEqual> seen;
  std::vector<Value> out;
  for (const auto all = runtime.iterate(bound[0]); const Value& item : all->items) {
    const Value key = path.key(runtime, item, truthy(bound[1]));
    if (!hashable(key)) raise("unhashable type: '{}'", type_name(key));
    runtime.charge(key.weight() + 2 * sizeof(Value));
    if (seen.insert(key).second) out.push_back(item);
  }
  return runtime.generator("generator", std::move(out));
}

Value groupby(Runtime& runtime, const Arguments& arguments) {
  const auto bound =
      bind_arguments("groupby", arguments, {"value", "attribute", "default", "case_sensitive"}, 2);
  const AttributePath path(bound[1], bound[2]);
  const bool case_sensitive = truthy(bound[3]);
  const auto items = runtime.iterate(bound[0]);
  std::vector<Value> keys;
  for (const Value& item : items->items) keys.push_back(path.key(runtime, item, case_sensitive));
  const std::vector<std::size_t> order = sorted_order(runtime, keys, false);
  std::vector<Value> groups;
  for (std::size_t i = 0; i < order.size();) {
    const Value& key = keys[order[i]];
    std::vector<Value> members;
    for (; i < order.size() && ValueEqual()(keys[order[i]], key); ++i) {
      members.push_back(items->items[order[i]]);
    }
    // The group is named as its first member has it, not in lower case.
    Value grouper = path.get(runtime, members[0]);
    groups.push_back(runtime.group(std::move(grouper), runtime.list(std::move(members))));
  }
  return runtime.list(std::move(groups));
}

constexpr FilterEntry kFilters[] = {
    {"map", map},
    {"select", select},
    {"reject", reject},
    {"selectattr", selectattr},
    {"rejectattr", rejectattr},
    {"sort", sort},
    {"dictsort", dictsort},
    {"min", min},
    {"max", max},
    {"unique", unique},
    {"groupby", groupby},
};

}  // namespace

const FilterEntry* find_selection_filter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFilters), std::end(kFilters),
                                   [&](const FilterEntry& entry) { return entry.name == name; });
  return found == std::end(kFilters) ? nullptr : found;
}

}  // namespace saccade::text::jinja
