#include "text/jinja/runtime.h"

#include <algorithm>

#include "text/jinja/fault.h"
#include "text/jinja/methods.h"
#include "text/jinja/printing.h"
#include "text/jinja/unicode.h"

namespace saccade::text::jinja {
namespace {

/// How jinja2 names an object in the message of an undefined attribute.
std::string object_name(const Value& value) {
  if (value.is_none()) return "None";
  const std::string name = type_name(value);
  if (name == "Namespace") return "jinja2.utils.Namespace object";
  if (name == "Macro" || name == "LoopContext") return "jinja2.runtime." + name + " object";
  return name + " object";
}

Value unsafe_attribute(const Value& value, std::string_view name) {
  std::string quoted;
  append_quoted(quoted, name);
  return Value::undefined(
      fmt::format("access to attribute {} of '{}' object is unsafe.", quoted, type_name(value)));
}

bool is_dunder(std::string_view name) {
  return name.size() > 4 && name.starts_with("__") && name.ends_with("__");
}

/// getattr(value, name), through the sandbox; missing where Python raises AttributeError.
Value own_attribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (value.is_undefined()) raise("{}", value.undefined_message());
  if (is_dunder(name) || is_forbidden(value, name)) return unsafe_attribute(value, name);
  if (value.is_object()) {
    Value found = value.as_object()->attribute(runtime, name);
    if (!found.is_missing()) return name.starts_with('_') ? unsafe_attribute(value, name) : found;
  }
  if (value.is_group() && name == "grouper") return value.items()[0];
  if (value.is_group() && name == "list") return value.items()[1];
  if (value.is_number()) return number_attribute(value, name);
  if (const Method* method = find_method(value, name)) {
    return Value::object(std::make_shared<BoundMethod>(method->name, value, method->function));
  }
  return {};
}

/// The index counted from the front, or nothing when it is out of range.
std::optional<std::size_t> resolve_index(Integer index, std::size_t size) {
  if (index < 0) index += static_cast<Integer>(size);
  if (index < 0 || index >= static_cast<Integer>(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

Value character_at(Runtime& runtime, const Value& text, Integer index) {
  const std::string& bytes = text.as_string();
  runtime.charge(bytes.size());
  if (is_ascii(bytes)) {
    const auto position = resolve_index(index, bytes.size());
    return position ? Value::string(std::string(1, bytes[*position]), text.is_safe()) : Value();
  }
  const std::u32string points = to_code_points(bytes);
  const auto position = resolve_index(index, points.size());
  if (!position) return {};
  return Value::string(to_utf8(std::u32string_view(points).substr(*position, 1)), text.is_safe());
}

/// value[index]; missing where Python raises TypeError or LookupError.
Value own_item(Runtime& runtime, const Value& value, const Value& index) {
  if (value.is_undefined()) raise("{}", value.undefined_message());
  if (value.is_dict()) {
    const Value* found = hashable(index) ? value.as_dict().find(index) : nullptr;
    return found == nullptr ? Value() : *found;
  }
  if (value.is_object()) return value.as_object()->item(runtime, index);
  if (!index.is_integral()) return {};
  if (value.is_string()) return character_at(runtime, value, index.as_integer());
  if (!value.is_sequence()) return {};
  const auto position = resolve_index(index.as_integer(), value.items().size());
  return position ? value.items()[*position] : Value();
}

struct Span {
  std::ptrdiff_t start = 0, step = 1;
  std::size_t count = 0;
};

/// Python's slice.indices, as the first position, the step and how many.
Span resolve_slice(const Value& start, const Value& stop, const Value& step, std::size_t size) {
  constexpr std::string_view kWhat = "a slice index";
  Span span;
  const auto length = static_cast<Integer>(size);
  const Integer stride = integer_or(step, kWhat, 1);
  if (stride == 0) raise("slice step cannot be zero");
  const bool backwards = stride < 0;
  const Integer low = backwards ? -1 : 0, high = backwards ? length - 1 : length;
  const auto bound = [&](const Value& given, Integer otherwise) {
    Integer at = integer_or(given, kWhat, otherwise);
    const bool stated = !given.is_none() && !given.is_missing();
    if (stated && at < 0) at = std::max<Integer>(at + length, low);
    return std::clamp(at, low, high);
  };
  const Integer first = bound(start, backwards ? high : low);
  const Integer last = bound(stop, backwards ? low : high);
  const Integer distance = backwards ? first - last : last - first;
  const Integer magnitude = backwards ? -std::max<Integer>(stride, -length - 1) : stride;
  span.start = static_cast<std::ptrdiff_t>(first);
  span.step = clamp_index(stride);
  if (distance > 0) span.count = static_cast<std::size_t>((distance - 1) / magnitude + 1);
  return span;
}

template <typename Items>
Items take(const Items& items, const Span& span) {
  Items out;
  out.reserve(span.count);
  for (std::size_t i = 0; i < span.count; ++i) {
    const auto offset = static_cast<std::ptrdiff_t>(i) * span.step;
    out.push_back(items[static_cast<std::size_t>(span.start + offset)]);
  }
  return out;
}

}  // namespace

Runtime::~Runtime() {
  for (const auto& object : kept_) object->clear();
}

void Runtime::step() {
  if (++steps_ > limits_.steps) raise("the template takes over {} steps", limits_.steps);
}

void Runtime::charge(std::size_t bytes) {
  work_bytes_ += bytes;
  if (work_bytes_ > limits_.work_bytes || bytes > limits_.work_bytes) {
    raise("the template makes over {} bytes of values", limits_.work_bytes);
  }
}

void Runtime::keep(std::shared_ptr<Object> object) {
  charge(4 * sizeof(Value));
  kept_.push_back(std::move(object));
}

Value Runtime::string(std::string text, bool safe) {
  if (text.size() > kMaxTextBytes) raise("a string of over {} bytes", kMaxTextBytes);
  charge(text.size() + sizeof(Value));
  return Value::string(std::move(text), safe);
}

std::shared_ptr<const Sequence> Runtime::sequence(std::vector<Value> items) {
  charge((items.size() + 2) * sizeof(Value));
  auto made = std::make_shared<const Sequence>(std::move(items));
  if (made->depth > kMaxNesting) raise("values nested over {} levels deep", kMaxNesting);
  if (made->weight > kMaxTextBytes) raise("a list of over {} bytes", kMaxTextBytes);
  return made;
}

Value Runtime::list(std::vector<Value> items) {
  return Value::list(sequence(std::move(items)));
}

Value Runtime::tuple(std::vector<Value> items) {
  return Value::tuple(sequence(std::move(items)));
}

Value Runtime::group(Value grouper, Value items) {
  return Value::tuple(sequence({std::move(grouper), std::move(items)}), true);
}

Value Runtime::dict(Dict entries) {
  charge((entries.size() + 2) * 2 * sizeof(Value));
  if (entries.depth() > kMaxNesting) raise("values nested over {} levels deep", kMaxNesting);
  if (entries.weight() > kMaxTextBytes) raise("a dict of over {} bytes", kMaxTextBytes);
  return Value::dict(std::make_shared<const Dict>(std::move(entries)));
}

Value Runtime::generator(std::string_view type, std::vector<Value> items) {
  return Value::object(std::make_shared<Generator>(type, sequence(std::move(items))));
}

std::shared_ptr<const Sequence> Runtime::iterate(const Value& value) {
  if (value.is_sequence()) return value.sequence();
  if (value.is_undefined()) return sequence({});
  std::vector<Value> items;
  if (value.is_dict()) {
    for (const auto& entry : value.as_dict().entries()) items.push_back(entry.first);
    return sequence(std::move(items));
  }
  if (value.is_string()) {
    const std::string& text = value.as_string();
    charge(text.size() * sizeof(Value));
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t bytes = decode_at(text, i).bytes;
      items.push_back(Value::string(text.substr(i, bytes)));
      i += bytes;
    }
    return sequence(std::move(items));
  }
  if (value.is_object()) {
    if (auto made = value.as_object()->iterate(*this)) return made;
  }
  raise("'{}' object is not iterable", type_name(value));
}

Value Runtime::call(const Value& callee, Arguments arguments) {
  if (callee.is_undefined()) raise("{}", callee.undefined_message());
  if (!callee.is_object()) raise("'{}' object is not callable", type_name(callee));
  const Depth depth(*this);
  const std::shared_ptr<Object> object = callee.shared_object();
  return object->call(*this, std::move(arguments));
}

Value Runtime::attribute(const Value& value, std::string_view name) {
  if (Value found = own_attribute(*this, value, name); !found.is_missing()) return found;
  // Only a dictionary has items with names.
  const Value* found = value.is_dict() ? value.as_dict().find(name) : nullptr;
  return found != nullptr ? *found : undefined_attribute(value, name);
}

Value Runtime::item(const Value& value, const Value& index) {
  if (Value found = own_item(*this, value, index); !found.is_missing()) return found;
  if (!index.is_string()) {
    return Value::undefined(fmt::format("{} has no element {}", object_name(value), repr(index)));
  }
  if (Value found = own_attribute(*this, value, index.as_string()); !found.is_missing()) {
    return found;
  }
  return undefined_attribute(value, index.as_string());
}

Value Runtime::slice(const Value& value, const Value& start, const Value& stop, const Value& step) {
  if (value.is_undefined()) raise("{}", value.undefined_message());
  if (value.is_sequence()) {
    auto items =
        sequence(take(value.items(), resolve_slice(start, stop, step, value.items().size())));
    return value.is(Type::kList) ? Value::list(std::move(items)) : Value::tuple(std::move(items));
  }
  if (value.is_string()) {
    const std::string& bytes = value.as_string();
    charge(bytes.size());
    if (is_ascii(bytes)) {
      return string(take(bytes, resolve_slice(start, stop, step, bytes.size())), value.is_safe());
    }
    const std::u32string points = to_code_points(bytes);
    const Span span = resolve_slice(start, stop, step, points.size());
    return string(to_utf8(take(points, span)), value.is_safe());
  }
  if (const auto* range = value.is_object() ? dynamic_cast<Range*>(value.as_object()) : nullptr) {
    const Span span = resolve_slice(start, stop, step, *range->length());
    const Integer first = range->start() + range->step() * span.start;
    const Integer stride = range->step() * span.step;
    const Integer end = first + stride * static_cast<Integer>(span.count);
    return Value::object(std::make_shared<Range>(first, end, stride));
  }
  if (value.is_dict()) raise("unhashable type: 'slice'");
  raise("'{}' object is not subscriptable", type_name(value));
}

Runtime::Depth::Depth(Runtime& runtime) : runtime_(runtime) {
  if (runtime_.depth_ >= kMaxEvaluationDepth) {
    raise("the template calls itself too deeply");
  }
  ++runtime_.depth_;
}

Value undefined_name(std::string_view name) {
  return Value::undefined(fmt::format("'{}' is undefined", name));
}

Value undefined_attribute(const Value& object, std::string_view name) {
  return Value::undefined(fmt::format("'{}' has no attribute '{}'", object_name(object), name));
}

Integer integer_argument(const Value& value, std::string_view what) {
  if (value.is_undefined()) raise("{}", value.undefined_message());
  if (!value.is_integral()) raise("{} must be an integer, not {}", what, type_name(value));
  return value.as_integer();
}

Integer integer_or(const Value& value, std::string_view what, Integer otherwise) {
  if (value.is_missing() || value.is_none()) return otherwise;
  return integer_argument(value, what);
}

const std::string& string_argument(const Value& value, std::string_view what) {
  if (!value.is_string()) raise("{} must be str, not {}", what, type_name(value));
  return value.as_string();
}

std::ptrdiff_t clamp_index(Integer value) {
  constexpr Integer kMost = PTRDIFF_MAX;
  return static_cast<std::ptrdiff_t>(std::clamp<Integer>(value, -kMost, kMost));
}

}  // namespace saccade::text::jinja
