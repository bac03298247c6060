// What every filter, test, method and function may ask for while a template is rendered.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/limits.h"
#include "text/jinja/object.h"
#include "text/jinja/value.h"

namespace saccade::text::jinja {

class Runtime {
 public:
  using Clock = std::function<std::tm()>;

  Runtime(const Limits& limits, Clock clock) : limits_(limits), clock_(std::move(clock)) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  /// Empties every object the template made, so that objects which hold each other are freed.
  ~Runtime();

  /// Counts one evaluation. Raises when the template took too many.
  void step();
  /// Counts bytes made or looked through. Raises when they are too many in all.
  void charge(std::size_t bytes);
  /// Counts a search for `needle` bytes in `text` bytes, which may take their product.
  void charge_search(std::size_t text, std::size_t needle) { charge(text + text / 64 * needle); }

  // Values, with their cost counted and their size and depth checked.
  Value string(std::string text, bool safe = false);
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);
  Value group(Value grouper, Value items);
  Value dict(Dict entries);
  /// An iterator over `items` that Python would call `type`.
  Value generator(std::string_view type, std::vector<Value> items);
  std::shared_ptr<const Sequence> sequence(std::vector<Value> items);

  /// Python's iter(value), worked out. Raises when the value is not iterable.
  std::shared_ptr<const Sequence> iterate(const Value& value);
  /// callee(*arguments). Raises when it is not callable.
  Value call(const Value& callee, Arguments arguments);
  /// value.name in a template: an attribute or method, else an item.
  Value attribute(const Value& value, std::string_view name);
  /// value[index] in a template: an item, else an attribute.
  Value item(const Value& value, const Value& index);
  /// value[start:stop:step]; None stands for what was left out.
  Value slice(const Value& value, const Value& start, const Value& stop, const Value& step);

  /// Remembers an object that may come to hold itself.
  void keep(std::shared_ptr<Object> object);
  std::tm now() const { return clock_(); }

  /// Counts how deep evaluation is nested. Raises when it is too deep.
  class Depth {
   public:
    explicit Depth(Runtime& runtime);
    ~Depth() { --runtime_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Runtime& runtime_;
  };

 private:
  Limits limits_;
  Clock clock_;
  std::uint64_t steps_ = 0;
  std::uint64_t work_bytes_ = 0;
  int depth_ = 0;
  std::vector<std::shared_ptr<Object>> kept_;
};

/// The undefined value for a missing name, attribute or item, with the message jinja2 gives it.
Value undefined_name(std::string_view name);
Value undefined_attribute(const Value& object, std::string_view name);

/// Reads an argument that must be an integer (or a bool). Raises naming `what`.
Integer integer_argument(const Value& value, std::string_view what);
/// An integer argument that may be missing or None.
Integer integer_or(const Value& value, std::string_view what, Integer otherwise);
/// Reads an argument that must be a string. Raises naming `what`.
const std::string& string_argument(const Value& value, std::string_view what);
/// Keeps an integer within the range of a std::ptrdiff_t.
std::ptrdiff_t clamp_index(Integer value);

}  // namespace saccade::text::jinja
