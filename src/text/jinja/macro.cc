// Calling macros and call blocks, as jinja2.runtime.Macro binds their arguments.
#include "text/jinja/fault.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/printing.h"

namespace saccade::text::jinja {
namespace {

constexpr std::string_view kCaller = "caller";

/// The values of the named parameters; what was not given is missing.
void bind_parameters(const MacroBody& body, Arguments& arguments, Frame& frame,
                     bool& found_caller) {
  const std::size_t given = arguments.positional.size();
  for (std::size_t i = 0; i < body.parameters.size(); ++i) {
    Value& slot = frame.slots[static_cast<std::size_t>(body.parameter_slots[i])];
    if (i < given) {
      slot = arguments.positional[i];
    } else {
      slot = arguments.take(body.parameters[i]);
      found_caller = found_caller || body.parameters[i] == kCaller;
    }
  }
  // When all came by position, a parameter named caller counts as found.
  if (given >= body.parameters.size()) {
    for (const std::string& name : body.parameters) found_caller = found_caller || name == kCaller;
  }
}

Value keyword_dict(Runtime& runtime, const Arguments& arguments) {
  Dict dict;
  for (const auto& [name, value] : arguments.keyword) dict.set(Value::string(name), value);
  return runtime.dict(std::move(dict));
}

std::string macro_name(const MacroBody& body) {
  if (body.name.empty()) return "None";
  std::string quoted;
  append_quoted(quoted, body.name);
  return quoted;
}

/// The special names: caller, kwargs, varargs. Raises about arguments that are left over.
void bind_specials(Runtime& runtime, const MacroBody& body, Arguments& arguments, Frame& frame,
                   bool found_caller) {
  if (body.uses_caller && !found_caller) {
    Value caller = arguments.take(kCaller);
    if (caller.is_missing() || caller.is_none()) caller = Value::undefined("No caller defined");
    if (body.caller_slot >= 0) frame.slots[static_cast<std::size_t>(body.caller_slot)] = caller;
  }
  if (body.kwargs_slot >= 0) {
    frame.slots[static_cast<std::size_t>(body.kwargs_slot)] = keyword_dict(runtime, arguments);
  } else if (!arguments.keyword.empty()) {
    const std::string& name = arguments.keyword[0].first;
    raise("macro {} takes no keyword argument '{}'", macro_name(body), name);
  }
  const std::size_t named = body.parameters.size();
  auto& given = arguments.positional;
  if (body.varargs_slot >= 0) {
    std::vector<Value> rest;
    if (given.size() > named) {
      rest.assign(given.begin() + static_cast<std::ptrdiff_t>(named), given.end());
    }
    frame.slots[static_cast<std::size_t>(body.varargs_slot)] = runtime.tuple(std::move(rest));
  } else if (given.size() > named) {
    raise("macro {} takes not more than {} argument(s)", macro_name(body), named);
  }
}

}  // namespace

Value Interpreter::call_macro(const Macro& macro, Arguments arguments) {
  const MacroBody& body = macro.body();
  const auto frame = std::make_shared<Frame>(body.scope, macro.frame());
  bool found_caller = false;
  bind_parameters(body, arguments, *frame, found_caller);
  bind_specials(runtime_, body, arguments, *frame, found_caller);
  enter(body.scope, *frame);
  const std::size_t required = body.parameters.size() - body.defaults.size();
  for (std::size_t i = 0; i < body.parameters.size(); ++i) {
    Value& slot = frame->slots[static_cast<std::size_t>(body.parameter_slots[i])];
    if (!slot.is_missing()) continue;
    slot =
        i < required
            ? Value::undefined(fmt::format("parameter '{}' was not provided", body.parameters[i]))
            : evaluate(*body.defaults[i - required], *frame);
  }
  std::string text;
  exec(body.body, *frame, text);
  return runtime_.string(std::move(text));
}

void Macro::append_repr(std::string& out, int) const {
  out += "<Macro " + (body_.name.empty() ? "anonymous" : macro_name(body_)) + ">";
}

Value Macro::attribute(Runtime& runtime, std::string_view name) {
  if (name == "name") return body_.name.empty() ? Value::none() : Value::string(body_.name);
  if (name == "arguments") {
    std::vector<Value> names;
    for (const std::string& parameter : body_.parameters) names.push_back(Value::string(parameter));
    return runtime.tuple(std::move(names));
  }
  if (name == "catch_kwargs") return Value::boolean(body_.kwargs_slot >= 0);
  if (name == "catch_varargs") return Value::boolean(body_.varargs_slot >= 0);
  if (name == kCaller) return Value::boolean(body_.uses_caller);
  return {};
}

}  // namespace saccade::text::jinja
