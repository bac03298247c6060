// What templates can hold that is neither a scalar nor a plain container: functions, iterators,
// namespaces, loops.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace saccade::text::jinja {

class Runtime;

/// The arguments of one call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;

  /// Removes and returns a keyword argument; missing when it was not given.
  Value take(std::string_view name);
};

/// Puts arguments into the order of `names`, as Python binds them; what was not given is missing.
/// Raises on too many, unknown or doubled arguments, and when one of the first `required` is
/// missing.
std::vector<Value> bind_arguments(std::string_view function, const Arguments& arguments,
                                  std::initializer_list<std::string_view> names,
                                  std::size_t required);

class Object : public std::enable_shared_from_this<Object> {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;

  virtual std::string_view type_name() const = 0;
  /// Appends how Python would print it, save for addresses. `depth` counts the containers around.
  virtual void append_repr(std::string& out, int depth) const;
  virtual bool truthy() const { return true; }
  virtual bool equals(const Object&) const { return false; }
  virtual int depth() const { return 0; }
  virtual std::size_t weight() const { return 64; }

  virtual bool callable() const { return false; }
  /// Raises when the object is not callable.
  virtual Value call(Runtime& runtime, Arguments arguments);
  /// Missing when there is no such attribute.
  virtual Value attribute(Runtime&, std::string_view) { return {}; }
  /// What obj[index] gives; missing when it cannot be indexed so.
  virtual Value item(Runtime&, const Value&) { return {}; }
  virtual bool indexable() const { return false; }
  virtual std::optional<std::size_t> length() const { return std::nullopt; }
  /// The items, or null when the object cannot be iterated over. Uses up an iterator.
  virtual std::shared_ptr<const Sequence> iterate(Runtime&) { return nullptr; }
  virtual bool iterable() const { return false; }
  /// Drops every value the object holds, so that cycles of objects end with the rendering.
  virtual void clear() {}
};

/// A function that takes its arguments as they come.
class Builtin final : public Object {
 public:
  using Function = Value (*)(Runtime&, const Arguments&);

  Builtin(std::string_view name, Function function) : name_(name), function_(function) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  void append_repr(std::string& out, int) const override {
    out.append("<built-in function ").append(name_).append(">");
  }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override {
    return function_(runtime, arguments);
  }

 private:
  std::string_view name_;
  Function function_;
};

/// A method of a string, list, dictionary or number, with the value it belongs to.
class BoundMethod final : public Object {
 public:
  using Function = Value (*)(Runtime&, const Value& self, const Arguments&);

  BoundMethod(std::string_view name, Value self, Function function)
      : name_(name), self_(std::move(self)), function_(function) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  void append_repr(std::string& out, int) const override {
    out.append("<built-in method ").append(name_).append(">");
  }
  int depth() const override { return self_.depth() + 1; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments arguments) override {
    return function_(runtime, self_, arguments);
  }

 private:
  std::string_view name_;
  Value self_;
  Function function_;
};

/// An iterator that was already worked out: what map, select, batch, reversed and so on give.
class Generator final : public Object {
 public:
  Generator(std::string_view type, std::shared_ptr<const Sequence> items)
      : type_(type), items_(std::move(items)) {}
  std::string_view type_name() const override { return type_; }
  void append_repr(std::string& out, int) const override {
    out.append("<").append(type_).append(" object>");
  }
  int depth() const override { return items_->depth; }
  std::size_t weight() const override { return items_->weight; }
  std::shared_ptr<const Sequence> iterate(Runtime& runtime) override;
  bool iterable() const override { return true; }
  /// The next item alone; missing at the end.
  Value next();

 private:
  std::string_view type_;
  std::shared_ptr<const Sequence> items_;
  std::size_t position_ = 0;
};

/// dict.keys(), dict.values(), dict.items().
class DictView final : public Object {
 public:
  enum class Kind { kKeys, kValues, kItems };

  DictView(Kind kind, std::shared_ptr<const Dict> entries)
      : kind_(kind), entries_(std::move(entries)) {}
  std::string_view type_name() const override;
  void append_repr(std::string& out, int depth) const override;
  bool truthy() const override { return entries_->size() != 0; }
  int depth() const override { return entries_->depth() + 1; }
  std::size_t weight() const override { return entries_->weight(); }
  std::optional<std::size_t> length() const override { return entries_->size(); }
  std::shared_ptr<const Sequence> iterate(Runtime& runtime) override;
  bool iterable() const override { return true; }
  const Dict& entries() const { return *entries_; }
  Kind kind() const { return kind_; }

 private:
  std::vector<Value> values() const;

  Kind kind_;
  std::shared_ptr<const Dict> entries_;
};

/// Python's range, bounded by the sandbox to 100000 items.
class Range final : public Object {
 public:
  /// Raises when the step is 0 or the range is too long.
  Range(Integer start, Integer stop, Integer step);
  std::string_view type_name() const override { return "range"; }
  void append_repr(std::string& out, int depth) const override;
  bool truthy() const override { return size_ != 0; }
  bool equals(const Object& other) const override;
  std::size_t weight() const override { return 8 * size_ + 8; }
  Value attribute(Runtime& runtime, std::string_view name) override;
  Value item(Runtime& runtime, const Value& index) override;
  bool indexable() const override { return true; }
  std::optional<std::size_t> length() const override { return size_; }
  std::shared_ptr<const Sequence> iterate(Runtime& runtime) override;
  bool iterable() const override { return true; }
  Integer at(std::size_t index) const { return start_ + step_ * static_cast<Integer>(index); }
  Integer start() const { return start_; }
  Integer step() const { return step_; }

 private:
  Integer start_, stop_, step_;
  std::size_t size_ = 0;
};

/// namespace(...): the one thing a template can change.
class Namespace final : public Object {
 public:
  std::string_view type_name() const override { return "Namespace"; }
  void append_repr(std::string& out, int depth) const override;
  Value attribute(Runtime& runtime, std::string_view name) override;
  void set(std::string_view name, Value value);
  void clear() override { attributes_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
  mutable bool printing_ = false;
};

}  // namespace saccade::text::jinja
