#include "text/jinja/methods.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "text/jinja/fault.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"

namespace saccade::text::jinja {
namespace {

bool named(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Dict& dict_of(const Value& self) {
  return self.as_dict();
}

Value view(DictView::Kind kind, const Value& self, const Arguments& arguments) {
  if (!arguments.positional.empty() || !arguments.keyword.empty()) {
    raise("this method of dict takes no arguments");
  }
  return Value::object(std::make_shared<DictView>(kind, self.dict_pointer()));
}

Value dict_keys(Runtime&, const Value& self, const Arguments& arguments) {
  return view(DictView::Kind::kKeys, self, arguments);
}
Value dict_values(Runtime&, const Value& self, const Arguments& arguments) {
  return view(DictView::Kind::kValues, self, arguments);
}
Value dict_items(Runtime&, const Value& self, const Arguments& arguments) {
  return view(DictView::Kind::kItems, self, arguments);
}

Value dict_get(Runtime&, const Value& self, const Arguments& arguments) {
  if (!arguments.keyword.empty()) raise("dict.get() takes no keyword arguments");
  const auto bound = bind_arguments("get", arguments, {"key", "default"}, 1);
  if (!hashable(bound[0])) raise("unhashable type: '{}'", type_name(bound[0]));
  if (const Value* found = dict_of(self).find(bound[0])) return *found;
  return bound[1].is_missing() ? Value::none() : bound[1];
}

Value copy(Runtime& runtime, const Value& self, const Arguments& arguments) {
  bind_arguments("copy", arguments, {}, 0);
  return self.is_dict() ? runtime.dict(dict_of(self)) : runtime.list(self.items());
}

Value dict_fromkeys(Runtime& runtime, const Value&, const Arguments& arguments) {
  const auto bound = bind_arguments("fromkeys", arguments, {"iterable", "value"}, 1);
  Dict dict;
  for (const auto all = runtime.iterate(bound[0]); const Value& key : all->items) {
    dict.set(key, bound[1].is_missing() ? Value::none() : bound[1]);
  }
  return runtime.dict(std::move(dict));
}

Value sequence_count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_arguments("count", arguments, {"value"}, 1);
  const auto items = runtime.iterate(self);
  runtime.charge(std::min(items->weight, bound[0].weight() * items->items.size()));
  return Value::integer(std::count_if(items->items.begin(), items->items.end(),
                                      [&](const Value& v) { return ValueEqual()(v, bound[0]); }));
}

Value sequence_index(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const auto bound = bind_arguments("index", arguments, {"value", "start", "stop"}, 1);
  const auto items = runtime.iterate(self);
  const auto size = static_cast<Integer>(items->items.size());
  const auto place = [&](const Value& given, Integer otherwise) {
    Integer at = integer_or(given, "an index", otherwise);
    if (at < 0) at += size;
    return static_cast<std::ptrdiff_t>(std::clamp<Integer>(at, 0, size));
  };
  const std::ptrdiff_t start = place(bound[1], 0), stop = place(bound[2], size);
  runtime.charge(std::min(items->weight, bound[0].weight() * items->items.size()));
  for (std::ptrdiff_t i = start; i < stop; ++i) {
    if (ValueEqual()(items->items[static_cast<std::size_t>(i)], bound[0])) {
      return Value::integer(i);
    }
  }
  raise("{} is not in {}", repr(bound[0]), type_name(self));
}

constexpr Method kDictMethods[] = {{"get", dict_get},   {"items", dict_items},
                                   {"keys", dict_keys}, {"values", dict_values},
                                   {"copy", copy},      {"fromkeys", dict_fromkeys}};
constexpr Method kListMethods[] = {
    {"count", sequence_count}, {"index", sequence_index}, {"copy", copy}};

template <std::size_t N>
const Method* find_in(const Method (&table)[N], std::string_view name, std::size_t count = N) {
  const auto* end = std::begin(table) + count;
  const auto* found =
      std::find_if(std::begin(table), end, [&](const Method& entry) { return entry.name == name; });
  return found == end ? nullptr : found;
}

Value refuse_method(Runtime&, const Value&, const Arguments&) {
  raise("the methods encode, maketrans and translate of str are not supported");
}

constexpr Method kRefused[] = {
    {"encode", refuse_method}, {"maketrans", refuse_method}, {"translate", refuse_method}};

Value is_integer(Runtime&, const Value& self, const Arguments& arguments) {
  bind_arguments("is_integer", arguments, {}, 0);
  const double value = self.as_double();
  return Value::boolean(std::isfinite(value) && std::trunc(value) == value);
}

}  // namespace

const Method* find_method(const Value& self, std::string_view name) {
  if (self.is_string()) {
    if (const Method* found = find_string_method(name)) return found;
    if (const Method* found = find_string_query(name)) return found;
    return find_in(kRefused, name);
  }
  return find_container_method(self, name);
}

const Method* find_container_method(const Value& self, std::string_view name) {
  if (self.is_dict()) return find_in(kDictMethods, name);
  if (self.is(Type::kList)) return find_in(kListMethods, name);
  const bool is_range = self.is_object() && dynamic_cast<Range*>(self.as_object()) != nullptr;
  if (self.is(Type::kTuple) || is_range) return find_in(kListMethods, name, 2);
  return nullptr;
}

bool is_forbidden(const Value& self, std::string_view name) {
  if (self.is_dict()) return named(name, {"clear", "pop", "popitem", "setdefault", "update"});
  if (!self.is(Type::kList)) return false;
  return named(name, {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"});
}

Value number_attribute(const Value& self, std::string_view name) {
  if (name == "real") return self.is_integral() ? Value::integer(self.as_integer()) : self;
  if (name == "imag") return self.is_integral() ? Value::integer(0) : Value::number(0);
  if (self.is_integral() && name == "numerator") return Value::integer(self.as_integer());
  if (self.is_integral() && name == "denominator") return Value::integer(1);
  if (self.is(Type::kFloat) && name == "is_integer") {
    return Value::object(std::make_shared<BoundMethod>("is_integer", self, is_integer));
  }
  if (named(name, {"as_integer_ratio", "bit_count", "bit_length", "conjugate", "from_bytes",
                   "fromhex", "hex", "to_bytes"})) {
    raise("the attribute '{}' of '{}' is not supported", name, type_name(self));
  }
  return {};
}

}  // namespace saccade::text::jinja
