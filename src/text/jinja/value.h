// The values a template computes with: Python's, as far as a chat template can meet them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace saccade::text::jinja {

// Python's integers have no bound; 128 bits hold every integer of a JSON document (int64, uint64)
// and leave room for arithmetic on them. What does not fit is an error, never a wrapped number.
__extension__ typedef __int128 Integer;

class Dict;
class Object;
struct Sequence;

enum class Type {
  kMissing,  ///< a name that has no value yet; templates never see it
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kObject,
};

/// One immutable value; copying it is cheap (containers and strings are shared).
class Value {
 public:
  Value() = default;

  static Value none();
  static Value boolean(bool value);
  static Value integer(Integer value);
  static Value number(double value);
  /// `safe` marks what Jinja calls Markup: text whose concatenation escapes the other operand.
  static Value string(std::string text, bool safe = false);
  /// `message` is what using the value raises.
  static Value undefined(std::string message);
  /// `group` marks the (grouper, list) pairs that `groupby` makes.
  static Value list(std::shared_ptr<const Sequence> items);
  static Value tuple(std::shared_ptr<const Sequence> items, bool group = false);
  static Value dict(std::shared_ptr<const Dict> entries);
  static Value object(std::shared_ptr<Object> object);

  Type type() const { return type_; }
  bool is(Type wanted) const { return type() == wanted; }
  bool is_missing() const { return is(Type::kMissing); }
  bool is_undefined() const { return is(Type::kUndefined); }
  bool is_none() const { return is(Type::kNone); }
  bool is_string() const { return is(Type::kString); }
  bool is_dict() const { return is(Type::kDict); }
  bool is_object() const { return is(Type::kObject); }
  /// A list or a tuple.
  bool is_sequence() const { return is(Type::kList) || is(Type::kTuple); }
  /// A bool or an int: Python's bool is an int.
  bool is_integral() const { return is(Type::kBool) || is(Type::kInt); }
  bool is_number() const { return is_integral() || is(Type::kFloat); }

  bool as_bool() const { return flag_; }
  /// The value of an int or a bool.
  Integer as_integer() const { return is(Type::kBool) ? Integer{flag_} : integer_; }
  /// The value of a float, int or bool.
  double as_double() const { return is(Type::kFloat) ? real_ : static_cast<double>(as_integer()); }
  const std::string& as_string() const { return *pointer<std::string>(); }
  bool is_safe() const { return is_string() && flag_; }
  const std::string& undefined_message() const { return *pointer<std::string>(); }
  /// The items of a list or a tuple.
  const std::vector<Value>& items() const;
  std::shared_ptr<const Sequence> sequence() const;
  bool is_group() const { return is(Type::kTuple) && flag_; }
  const Dict& as_dict() const { return *pointer<Dict>(); }
  std::shared_ptr<const Dict> dict_pointer() const;
  Object* as_object() const { return const_cast<Object*>(pointer<Object>()); }
  std::shared_ptr<Object> shared_object() const;

  /// Levels of containers below and including this one.
  int depth() const;
  /// About as many bytes as the value printed in full would take: the bound on walking through it.
  std::size_t weight() const;
  /// The address that tells two containers or objects apart; null for plain values.
  const void* identity() const;

 private:
  Value(Type type, bool flag, std::shared_ptr<const void> shared)
      : type_(type), flag_(flag), shared_(std::move(shared)) {}

  template <typename T>
  const T* pointer() const {
    return static_cast<const T*>(shared_.get());
  }

  Type type_ = Type::kMissing;
  bool flag_ = false;  ///< a bool's value; a string is safe; a tuple is a group
  union {
    Integer integer_ = 0;
    double real_;
  };
  std::shared_ptr<const void> shared_;  ///< text, items, entries or an object
};

/// The items of a list or tuple. Build it through Runtime, which checks depth and weight.
struct Sequence {
  explicit Sequence(std::vector<Value> values);

  std::vector<Value> items;
  int depth = 1;
  std::size_t weight = 0;
};

struct ValueHash {
  std::size_t operator()(const Value& value) const;
};
struct ValueEqual {
  bool operator()(const Value& left, const Value& right) const;
};

/// A dictionary that keeps the order of insertion. Filled once, then shared and constant.
class Dict {
 public:
  /// Sets or replaces an entry. Raises for a key that Python cannot hash.
  void set(Value key, Value value);
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;

  const std::vector<std::pair<Value, Value>>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  int depth() const { return depth_; }
  std::size_t weight() const { return weight_; }

 private:
  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
  std::size_t position(const Value& key) const;

  std::vector<std::pair<Value, Value>> entries_;
  // Small dictionaries, which messages are, are searched from the front.
  std::unordered_map<Value, std::size_t, ValueHash, ValueEqual> index_;
  int depth_ = 1;
  std::size_t weight_ = 2;
};

/// The name Python gives the type in its messages: `str`, `int`, `NoneType`.
std::string type_name(const Value& value);

bool truthy(const Value& value);

/// Python's ==. Never raises.
bool equals(const Value& left, const Value& right);

/// Whether the value may be a dictionary key.
bool hashable(const Value& value);

}  // namespace saccade::text::jinja
