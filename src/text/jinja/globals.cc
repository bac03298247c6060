// The functions every template finds.
#include <algorithm>
#include <array>

#include "text/jinja/fault.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/numbers.h"
#include "text/jinja/printing.h"
#include "text/jinja/strftime.h"

namespace saccade::text::jinja {
namespace {

Value make_range(Runtime&, const Arguments& arguments) {
  if (!arguments.keyword.empty()) raise("range() takes no keyword arguments");
  const auto& given = arguments.positional;
  if (given.empty() || given.size() > 3) {
    raise("range expected 1 to 3 arguments, got {}", given.size());
  }
  constexpr std::string_view kWhat = "an argument of range()";
  const Integer first = integer_argument(given[0], kWhat);
  if (given.size() == 1) return Value::object(std::make_shared<Range>(0, first, 1));
  const Integer stop = integer_argument(given[1], kWhat);
  const Integer step = given.size() == 3 ? integer_argument(given[2], kWhat) : 1;
  return Value::object(std::make_shared<Range>(first, stop, step));
}

/// dict(mapping or pairs, **entries).
Dict collect_entries(Runtime& runtime, std::string_view function, const Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) {
    raise("{} expected at most 1 argument, got {}", function, arguments.positional.size());
  }
  if (!arguments.positional.empty()) {
    const Value& from = arguments.positional[0];
    if (from.is_dict()) {
      for (const auto& [key, value] : from.as_dict().entries()) dict.set(key, value);
    } else {
      for (const auto all = runtime.iterate(from); const Value& pair : all->items) {
        const auto items = runtime.iterate(pair);
        if (items->items.size() != 2) {
          raise("{} needs pairs, got a sequence of length {}", function, items->items.size());
        }
        dict.set(items->items[0], items->items[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.keyword) dict.set(Value::string(name), value);
  return dict;
}

Value make_dict(Runtime& runtime, const Arguments& arguments) {
  return runtime.dict(collect_entries(runtime, "dict", arguments));
}

Value make_namespace(Runtime& runtime, const Arguments& arguments) {
  const auto made = std::make_shared<Namespace>();
  const Dict entries = collect_entries(runtime, "namespace", arguments);
  for (const auto& [key, value] : entries.entries()) {
    made->set(string_argument(key, "the name of an attribute"), value);
  }
  runtime.keep(made);
  return Value::object(made);
}

Value raise_exception(Runtime&, const Arguments& arguments) {
  const auto bound = bind_arguments("raise_exception", arguments, {"message"}, 1);
  raise("{}", str(bound[0]));
}

Value strftime_now(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind_arguments("strftime_now", arguments, {"format"}, 1);
  return runtime.string(
      format_time(runtime.now(), string_argument(bound[0], "the format of strftime_now()")));
}

/// cycler(values...): hands them out in turn.
class Cycler final : public Object {
 public:
  explicit Cycler(std::shared_ptr<const Sequence> values) : values_(std::move(values)) {}
  std::string_view type_name() const override { return "Cycler"; }
  int depth() const override { return values_->depth + 1; }
  std::size_t weight() const override { return values_->weight; }
  Value attribute(Runtime& runtime, std::string_view name) override;
  Value next() {
    const std::size_t at = position_;
    position_ = (position_ + 1) % values_->items.size();
    return values_->items[at];
  }
  void reset() { position_ = 0; }

 private:
  std::shared_ptr<const Sequence> values_;
  std::size_t position_ = 0;
};

Cycler& cycler_of(const Value& self) {
  return static_cast<Cycler&>(*self.as_object());
}

Value Cycler::attribute(Runtime&, std::string_view name) {
  if (name == "current") return values_->items[position_];
  const auto method = [&](BoundMethod::Function function) {
    return Value::object(
        std::make_shared<BoundMethod>("cycler", Value::object(shared_from_this()), function));
  };
  if (name == "next") {
    return method(
        [](Runtime&, const Value& self, const Arguments&) { return cycler_of(self).next(); });
  }
  if (name == "reset") {
    return method([](Runtime&, const Value& self, const Arguments&) {
      cycler_of(self).reset();
      return Value::none();
    });
  }
  return {};
}

Value make_cycler(Runtime& runtime, const Arguments& arguments) {
  if (arguments.positional.empty()) raise("at least one item has to be provided");
  return Value::object(std::make_shared<Cycler>(runtime.sequence(arguments.positional)));
}

/// joiner(separator): nothing the first time it is called, then the separator.
class Joiner final : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  int depth() const override { return separator_.depth() + 1; }
  bool callable() const override { return true; }
  Value call(Runtime&, Arguments) override {
    return std::exchange(used_, true) ? separator_ : Value::string("");
  }

 private:
  Value separator_;
  bool used_ = false;
};

Value make_joiner(Runtime&, const Arguments& arguments) {
  auto bound = bind_arguments("joiner", arguments, {"sep"}, 0);
  if (bound[0].is_missing()) bound[0] = Value::string(", ");
  return Value::object(std::make_shared<Joiner>(std::move(bound[0])));
}

Value refuse_lipsum(Runtime&, const Arguments&) {
  raise("the function 'lipsum' is not supported");
}

}  // namespace

Value find_global(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Builtin::Function>, 8> kGlobals = {
      {{"range", make_range},
       {"dict", make_dict},
       {"namespace", make_namespace},
       {"raise_exception", raise_exception},
       {"strftime_now", strftime_now},
       {"cycler", make_cycler},
       {"joiner", make_joiner},
       {"lipsum", refuse_lipsum}}};
  const auto* found = std::find_if(kGlobals.begin(), kGlobals.end(),
                                   [&](const auto& entry) { return entry.first == name; });
  if (found == kGlobals.end()) return {};
  return Value::object(std::make_shared<Builtin>(found->first, found->second));
}

}  // namespace saccade::text::jinja
