#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "text/jinja/fault.h"
#include "text/jinja/object.h"

namespace saccade::text::jinja {
namespace {

constexpr std::size_t kIndexedFrom = 8;

std::size_t add_weight(std::size_t left, std::size_t right) {
  const std::size_t sum = left + right;
  return sum < left ? std::numeric_limits<std::size_t>::max() : sum;
}

/// The integer a float is equal to, where there is one.
bool integral_value(double number, Integer* out) {
  constexpr double kLimit = 1.7e38;  // just below 2^127
  if (!std::isfinite(number) || std::fabs(number) > kLimit || std::trunc(number) != number) {
    return false;
  }
  *out = static_cast<Integer>(number);
  return true;
}

bool numbers_equal(const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) return left.as_integer() == right.as_integer();
  if (!left.is_integral() && !right.is_integral()) return left.as_double() == right.as_double();
  const Value& whole = left.is_integral() ? left : right;
  const Value& real = left.is_integral() ? right : left;
  Integer integer = 0;
  return integral_value(real.as_double(), &integer) && integer == whole.as_integer();
}

bool sequences_equal(const std::vector<Value>& left, const std::vector<Value>& right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), ValueEqual());
}

bool dicts_equal(const Dict& left, const Dict& right) {
  if (left.size() != right.size()) return false;
  return std::all_of(left.entries().begin(), left.entries().end(), [&](const auto& entry) {
    const Value* other = right.find(entry.first);
    return other != nullptr && ValueEqual()(entry.second, *other);
  });
}

}  // namespace

Value Value::none() {
  return {Type::kNone, false, nullptr};
}

Value Value::boolean(bool value) {
  return {Type::kBool, value, nullptr};
}

Value Value::integer(Integer value) {
  Value made(Type::kInt, false, nullptr);
  made.integer_ = value;
  return made;
}

Value Value::number(double value) {
  Value made(Type::kFloat, false, nullptr);
  made.real_ = value;
  return made;
}

Value Value::string(std::string text, bool safe) {
  return {Type::kString, safe, std::make_shared<const std::string>(std::move(text))};
}

Value Value::undefined(std::string message) {
  return {Type::kUndefined, false, std::make_shared<const std::string>(std::move(message))};
}

Value Value::list(std::shared_ptr<const Sequence> items) {
  return {Type::kList, false, std::move(items)};
}

Value Value::tuple(std::shared_ptr<const Sequence> items, bool group) {
  return {Type::kTuple, group, std::move(items)};
}

Value Value::dict(std::shared_ptr<const Dict> entries) {
  return {Type::kDict, false, std::move(entries)};
}

Value Value::object(std::shared_ptr<Object> object) {
  return {Type::kObject, false, std::move(object)};
}

const std::vector<Value>& Value::items() const {
  return pointer<Sequence>()->items;
}

std::shared_ptr<const Sequence> Value::sequence() const {
  return std::static_pointer_cast<const Sequence>(shared_);
}

std::shared_ptr<const Dict> Value::dict_pointer() const {
  return std::static_pointer_cast<const Dict>(shared_);
}

std::shared_ptr<Object> Value::shared_object() const {
  return std::const_pointer_cast<Object>(std::static_pointer_cast<const Object>(shared_));
}

int Value::depth() const {
  if (is_sequence()) return pointer<Sequence>()->depth;
  if (is_dict()) return as_dict().depth();
  if (is_object()) return as_object()->depth();
  return 0;
}

std::size_t Value::weight() const {
  if (is_sequence()) return pointer<Sequence>()->weight;
  if (is_dict()) return as_dict().weight();
  if (is_string()) return as_string().size() + 2;
  if (is_object()) return as_object()->weight();
  return 8;
}

const void* Value::identity() const {
  return is_sequence() || is_dict() || is_object() ? shared_.get() : nullptr;
}

Sequence::Sequence(std::vector<Value> values) : items(std::move(values)), weight(2) {
  for (const Value& item : items) {
    depth = std::max(depth, item.depth() + 1);
    weight = add_weight(weight, add_weight(item.weight(), 2));
  }
}

std::size_t ValueHash::operator()(const Value& value) const {
  if (value.is_string()) return std::hash<std::string>()(value.as_string());
  if (value.is_number()) {
    Integer integer = 0;
    if (value.is_integral()) {
      integer = value.as_integer();
    } else if (!integral_value(value.as_double(), &integer)) {
      return std::hash<double>()(value.as_double());
    }
    const auto low = static_cast<std::uint64_t>(integer);
    const auto high = static_cast<std::uint64_t>(integer >> 64);
    return std::hash<std::uint64_t>()(low ^ (high * 0x9E3779B97F4A7C15u));
  }
  if (value.is(Type::kTuple)) {
    std::size_t hash = 0x345678;
    for (const Value& item : value.items()) hash = hash * 1000003 + (*this)(item);
    return hash;
  }
  if (const void* identity = value.identity()) return std::hash<const void*>()(identity);
  return static_cast<std::size_t>(value.type());
}

bool ValueEqual::operator()(const Value& left, const Value& right) const {
  // Python compares the items of containers by identity first: a NaN finds itself in a list.
  const void* identity = left.identity();
  if (identity != nullptr && identity == right.identity()) return true;
  return equals(left, right);
}

void Dict::set(Value key, Value value) {
  if (!hashable(key)) raise("unhashable type: '{}'", type_name(key));
  depth_ = std::max({depth_, key.depth() + 1, value.depth() + 1});
  weight_ = add_weight(weight_, add_weight(key.weight() + 4, value.weight()));
  if (const std::size_t existing = position(key); existing != kAbsent) {
    entries_[existing].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() < kIndexedFrom) return;
  if (index_.empty()) {
    for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].first, i);
  } else {
    index_.emplace(entries_.back().first, entries_.size() - 1);
  }
}

std::size_t Dict::position(const Value& key) const {
  if (!index_.empty()) {
    const auto found = index_.find(key);
    return found == index_.end() ? kAbsent : found->second;
  }
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (ValueEqual()(entries_[i].first, key)) return i;
  }
  return kAbsent;
}

const Value* Dict::find(const Value& key) const {
  const std::size_t found = position(key);
  return found == kAbsent ? nullptr : &entries_[found].second;
}

const Value* Dict::find(std::string_view key) const {
  if (!index_.empty()) return find(Value::string(std::string(key)));
  for (const auto& [name, value] : entries_) {
    if (name.is_string() && name.as_string() == key) return &value;
  }
  return nullptr;
}

std::string type_name(const Value& value) {
  switch (value.type()) {
    case Type::kMissing:
    case Type::kUndefined:
      return "Undefined";
    case Type::kNone:
      return "NoneType";
    case Type::kBool:
      return "bool";
    case Type::kInt:
      return "int";
    case Type::kFloat:
      return "float";
    case Type::kString:
      return value.is_safe() ? "Markup" : "str";
    case Type::kList:
      return "list";
    case Type::kTuple:
      return value.is_group() ? "_GroupTuple" : "tuple";
    case Type::kDict:
      return "dict";
    case Type::kObject:
      return std::string(value.as_object()->type_name());
  }
  return "object";
}

bool truthy(const Value& value) {
  switch (value.type()) {
    case Type::kMissing:
    case Type::kUndefined:
    case Type::kNone:
      return false;
    case Type::kBool:
    case Type::kInt:
      return value.as_integer() != 0;
    case Type::kFloat:
      return value.as_double() != 0;
    case Type::kString:
      return !value.as_string().empty();
    case Type::kList:
    case Type::kTuple:
      return !value.items().empty();
    case Type::kDict:
      return value.as_dict().size() != 0;
    case Type::kObject:
      return value.as_object()->truthy();
  }
  return true;
}

bool equals(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) return numbers_equal(left, right);
  if (left.type() != right.type()) return false;
  switch (left.type()) {
    case Type::kMissing:
    case Type::kUndefined:
    case Type::kNone:
      return true;
    case Type::kString:
      return left.as_string() == right.as_string();
    case Type::kList:
    case Type::kTuple:
      return left.identity() == right.identity() || sequences_equal(left.items(), right.items());
    case Type::kDict:
      return dicts_equal(left.as_dict(), right.as_dict());
    case Type::kObject:
      return left.as_object() == right.as_object() || left.as_object()->equals(*right.as_object());
    default:
      return false;
  }
}

bool hashable(const Value& value) {
  if (value.is(Type::kList) || value.is_dict()) return false;
  if (value.is(Type::kTuple)) {
    return std::all_of(value.items().begin(), value.items().end(), hashable);
  }
  return true;
}

}  // namespace saccade::text::jinja
