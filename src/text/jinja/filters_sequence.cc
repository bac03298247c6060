// Filters that take sequences apart and put them together.
#include <algorithm>
#include <iterator>

#include "text/jinja/attribute_path.h"
#include "text/jinja/fault.h"
#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

Value default_value(Runtime&, const Arguments& arguments) {
  const auto bound = bind_arguments("default", arguments, {"value", "default_value", "boolean"}, 1);
  const bool replace = bound[0].is_undefined() || (truthy(bound[2]) && !truthy(bound[0]));
  if (!replace) return bound[0];
  return bound[1].is_missing() ? Value::string("") : bound[1];
}

/// reversed(value) as a list; nothing where Python cannot reverse.
std::shared_ptr<const Sequence> reversed_items(Runtime& runtime, const Value& value) {
  const bool generator =
      value.is_object() && dynamic_cast<Generator*>(value.as_object()) != nullptr;
  if (generator) raise("'{}' object is not reversible", type_name(value));
  std::vector<Value> items = runtime.iterate(value)->items;
  std::reverse(items.begin(), items.end());
  return runtime.sequence(std::move(items));
}

Value first(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("first", arguments, {"seq"}, 1)[0];
  if (auto* generator = value.is_object() ? dynamic_cast<Generator*>(value.as_object()) : nullptr) {
    const Value item = generator->next();
    return item.is_missing() ? Value::undefined("No first item, sequence was empty.") : item;
  }
  const auto items = runtime.iterate(value);
  if (items->items.empty()) return Value::undefined("No first item, sequence was empty.");
  return items->items.front();
}

Value last(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("last", arguments, {"seq"}, 1)[0];
  const auto items = value.is_sequence() ? value.sequence() : nullptr;
  if (items != nullptr && !items->items.empty()) return items->items.back();
  if (value.is_string() && !value.as_string().empty()) {
    return runtime.item(value, Value::integer(-1));
  }
  const auto reversed = reversed_items(runtime, value);
  if (reversed->items.empty()) return Value::undefined("No last item, sequence was empty.");
  return reversed->items.front();
}

Value list(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("list", arguments, {"value"}, 1)[0];
  return Value::list(runtime.iterate(value));
}

Value items(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("items", arguments, {"value"}, 1)[0];
  if (value.is_undefined()) return runtime.generator("generator", {});
  if (!value.is_dict()) raise("Can only get item pairs from a mapping.");
  DictView view(DictView::Kind::kItems, value.dict_pointer());
  return runtime.generator("generator", view.iterate(runtime)->items);
}

Value reverse(Runtime& runtime, const Arguments& arguments) {
  const Value value = bind_arguments("reverse", arguments, {"value"}, 1)[0];
  if (value.is_string()) {
    runtime.charge(value.as_string().size());
    std::u32string points = to_code_points(value.as_string());
    std::reverse(points.begin(), points.end());
    return runtime.string(to_utf8(points), value.is_safe());
  }
  if (value.is_object() && dynamic_cast<Generator*>(value.as_object()) != nullptr) {
    // What cannot be reversed is made a list, and that reversed.
    std::vector<Value> rest = runtime.iterate(value)->items;
    std::reverse(rest.begin(), rest.end());
    return runtime.list(std::move(rest));
  }
  if (value.is_undefined()) return runtime.list({});
  const auto items = reversed_items(runtime, value);
  return runtime.generator(value.is(Type::kList) ? "list_reverseiterator" : "reversed",
                           items->items);
}

Value join(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("join", arguments, {"value", "d", "attribute"}, 1);
  const std::string separator = bound[1].is_missing() ? "" : str(bound[1]);
  const AttributePath path(bound[2]);
  std::string out;
  bool first_item = true;
  for (const auto all = runtime.iterate(bound[0]); const Value& item : all->items) {
    if (!first_item) out += separator;
    first_item = false;
    const Value value = path.get(runtime, item);
    runtime.charge(value.weight() + separator.size());
    append_str(out, value);
  }
  return runtime.string(std::move(out));
}

std::size_t count_argument(const Value& value, std::string_view what) {
  const Integer count = integer_argument(value, what);
  if (count < 1 || count > 1'000'000) raise("{} must be from 1 to 1000000", what);
  return static_cast<std::size_t>(count);
}

Value batch(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("batch", arguments, {"value", "linecount", "fill_with"}, 2);
  const std::size_t size = count_argument(bound[1], "linecount");
  const bool fill = !bound[2].is_missing() && !bound[2].is_none();
  const auto all = runtime.iterate(bound[0]);
  std::vector<Value> batches;
  for (std::size_t start = 0; start < all->items.size(); start += size) {
    const std::size_t end = std::min(start + size, all->items.size());
    std::vector<Value> row(all->items.begin() + static_cast<std::ptrdiff_t>(start),
                           all->items.begin() + static_cast<std::ptrdiff_t>(end));
    if (fill) row.resize(size, bound[2]);
    batches.push_back(runtime.list(std::move(row)));
  }
  return runtime.generator("generator", std::move(batches));
}

Value slice(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("slice", arguments, {"value", "slices", "fill_with"}, 2);
  const std::size_t slices = count_argument(bound[1], "slices");
  const auto all = runtime.iterate(bound[0]);
  const std::size_t size = all->items.size() / slices, longer = all->items.size() % slices;
  const bool fill = !bound[2].is_missing() && !bound[2].is_none();
  std::vector<Value> columns;
  std::size_t start = 0;
  for (std::size_t i = 0; i < slices; ++i) {
    const std::size_t end = start + size + (i < longer ? 1 : 0);
    std::vector<Value> column(all->items.begin() + static_cast<std::ptrdiff_t>(start),
                              all->items.begin() + static_cast<std::ptrdiff_t>(end));
    // jinja2 fills up where the columns are shorter, even when none is longer.
    if (fill && i >= longer) column.push_back(bound[2]);
    columns.push_back(runtime.list(std::move(column)));
    start = end;
  }
  return runtime.generator("generator", std::move(columns));
}

/// value.name, without falling back to value['name'].
Value attr(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("attr", arguments, {"obj", "name"}, 2);
  const std::string& name = string_argument(bound[1], "the name of an attribute");
  const Value& object = bound[0];
  const bool only_item =
      object.is_dict() && find_method(object, name) == nullptr && !is_forbidden(object, name);
  return only_item ? undefined_attribute(object, name) : runtime.attribute(object, name);
}

constexpr FilterEntry kFilters[] = {
    {"default", default_value},
    {"d", default_value},
    {"first", first},
    {"last", last},
    {"list", list},
    {"items", items},
    {"reverse", reverse},
    {"join", join},
    {"batch", batch},
    {"slice", slice},
    {"attr", attr},
};

}  // namespace

const FilterEntry* find_sequence_filter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFilters), std::end(kFilters),
                                   [&](const FilterEntry& entry) { return entry.name == name; });
  return found == std::end(kFilters) ? nullptr : found;
}

}  // namespace saccade::text::jinja
