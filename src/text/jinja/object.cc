#include "text/jinja/object.h"

#include <algorithm>

#include "text/jinja/fault.h"
#include "text/jinja/limits.h"
#include "text/jinja/numbers.h"
#include "text/jinja/printing.h"
#include "text/jinja/runtime.h"

namespace saccade::text::jinja {

Value Arguments::take(std::string_view name) {
  const auto found = std::find_if(keyword.begin(), keyword.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found == keyword.end()) return {};
  Value value = std::move(found->second);
  keyword.erase(found);
  return value;
}

std::vector<Value> bind_arguments(std::string_view function, const Arguments& arguments,
                                  std::initializer_list<std::string_view> names,
                                  std::size_t required) {
  std::vector<Value> bound = arguments.positional;
  if (bound.size() > names.size()) {
    raise("{}() takes at most {} arguments ({} given)", function, names.size(), bound.size());
  }
  bound.resize(names.size());
  for (const auto& [name, value] : arguments.keyword) {
    const auto* found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      raise("{}() got an unexpected keyword argument '{}'", function, name);
    }
    Value& slot = bound[static_cast<std::size_t>(found - names.begin())];
    if (!slot.is_missing()) raise("{}() got multiple values for argument '{}'", function, name);
    slot = value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (bound[i].is_missing()) {
      raise("{}() missing required argument: '{}'", function, names.begin()[i]);
    }
  }
  return bound;
}

void Object::append_repr(std::string& out, int) const {
  out.append("<").append(type_name()).append(" object>");
}

Value Object::call(Runtime&, Arguments) {
  raise("'{}' object is not callable", type_name());
}

std::shared_ptr<const Sequence> Generator::iterate(Runtime& runtime) {
  std::shared_ptr<const Sequence> rest;
  if (position_ == 0) {
    rest = items_;
  } else {
    const auto from = items_->items.begin() + static_cast<std::ptrdiff_t>(position_);
    rest = runtime.sequence(std::vector<Value>(from, items_->items.end()));
  }
  position_ = items_->items.size();
  return rest;
}

Value Generator::next() {
  return position_ < items_->items.size() ? items_->items[position_++] : Value();
}

std::string_view DictView::type_name() const {
  return kind_ == Kind::kKeys ? "dict_keys" : kind_ == Kind::kValues ? "dict_values" : "dict_items";
}

std::vector<Value> DictView::values() const {
  std::vector<Value> out;
  out.reserve(entries_->size());
  for (const auto& [key, value] : entries_->entries()) {
    if (kind_ == Kind::kItems) {
      out.push_back(Value::tuple(std::make_shared<const Sequence>(std::vector{key, value})));
    } else {
      out.push_back(kind_ == Kind::kKeys ? key : value);
    }
  }
  return out;
}

void DictView::append_repr(std::string& out, int depth) const {
  out.append(type_name()).append("(");
  jinja::append_repr(out, Value::list(std::make_shared<const Sequence>(values())), depth);
  out += ')';
}

std::shared_ptr<const Sequence> DictView::iterate(Runtime& runtime) {
  if (kind_ == Kind::kItems) runtime.charge(entries_->size() * 4 * sizeof(Value));
  return runtime.sequence(values());
}

Range::Range(Integer start, Integer stop, Integer step) : start_(start), stop_(stop), step_(step) {
  constexpr Integer kMaxItems = 100000;  // jinja2.sandbox.MAX_RANGE
  constexpr Integer kFar = Integer{1} << 64;
  if (step == 0) raise("range() arg 3 must not be zero");
  for (const Integer bound : {start, stop, step}) {
    if (bound > kFar || bound < -kFar) raise("range() arguments beyond 64 bits");
  }
  const Integer distance = step > 0 ? stop - start : start - stop;
  const Integer magnitude = step > 0 ? step : -step;
  const Integer size = distance > 0 ? (distance - 1) / magnitude + 1 : 0;
  if (size > kMaxItems) {
    raise("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
  }
  size_ = static_cast<std::size_t>(size);
}

void Range::append_repr(std::string& out, int) const {
  out += "range(" + integer_repr(start_) + ", " + integer_repr(stop_);
  if (step_ != 1) out += ", " + integer_repr(step_);
  out += ')';
}

bool Range::equals(const Object& other) const {
  const auto* range = dynamic_cast<const Range*>(&other);
  if (range == nullptr || range->size_ != size_) return false;
  if (size_ == 0) return true;
  return range->start_ == start_ && (size_ == 1 || range->step_ == step_);
}

Value Range::attribute(Runtime&, std::string_view name) {
  if (name == "start") return Value::integer(start_);
  if (name == "stop") return Value::integer(stop_);
  if (name == "step") return Value::integer(step_);
  return {};
}

Value Range::item(Runtime&, const Value& index) {
  if (!index.is_integral()) return {};
  const auto size = static_cast<Integer>(size_);
  const Integer position = index.as_integer() + (index.as_integer() < 0 ? size : 0);
  if (position < 0 || position >= size) return {};
  return Value::integer(at(static_cast<std::size_t>(position)));
}

std::shared_ptr<const Sequence> Range::iterate(Runtime& runtime) {
  std::vector<Value> items;
  items.reserve(size_);
  for (std::size_t i = 0; i < size_; ++i) items.push_back(Value::integer(at(i)));
  return runtime.sequence(std::move(items));
}

void Namespace::append_repr(std::string& out, int depth) const {
  if (depth > kMaxNesting) raise("a namespace nested over {} levels deep", kMaxNesting);
  if (printing_) {
    out += "<Namespace {...}>";
    return;
  }
  // Printing may raise: the flag must fall again either way.
  struct Flag {
    explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
    ~Flag() { flag_ = false; }
    bool& flag_;
  };
  const Flag flag(printing_);
  out += "<Namespace {";
  bool first = true;
  for (const auto& [name, value] : attributes_) {
    if (!first) out += ", ";
    first = false;
    append_quoted(out, name);
    out += ": ";
    jinja::append_repr(out, value, depth + 1);
  }
  out += "}>";
}

Value Namespace::attribute(Runtime&, std::string_view name) {
  for (const auto& [key, value] : attributes_) {
    if (key == name) return value;
  }
  return {};
}

void Namespace::set(std::string_view name, Value value) {
  for (auto& [key, existing] : attributes_) {
    if (key == name) {
      existing = std::move(value);
      return;
    }
  }
  attributes_.emplace_back(std::string(name), std::move(value));
}

}  // namespace saccade::text::jinja
