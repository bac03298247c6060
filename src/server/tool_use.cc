#include "server/tool_use.h"

#include <algorithm>

#include "server/call_schema.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

using Mode = ToolUse::Mode;
using Form = CallSyntax::Form;

constexpr std::size_t kMaxName = 256;

Mode read_mode(Fields& fields, std::string& name) {
  const json::value* choice = fields.find("tool_choice");
  if (!choice || *choice == "auto") return Mode::kAuto;
  if (*choice == "none") return Mode::kNone;
  if (*choice == "required") return Mode::kRequired;
  if (!choice->is_object()) {
    refuse_field("tool_choice",
                 "tool_choice: wanted \"auto\", \"none\", \"required\" or a function, found {}",
                 shown(*choice));
  }
  Fields object(*choice, "tool_choice", fields.lenient());
  const std::string type = object.need_text("type");
  if (type != "function") {
    refuse_field("tool_choice", "tool_choice.type: wanted function, found \"{}\"", type);
  }
  object.need("function");
  Fields function = *object.object("function");
  name = function.need_text("name");
  function.done();
  object.done();
  return Mode::kRequired;
}

/// The tools that may be called.
std::vector<Tool> callable(const ToolUse& use) {
  if (use.name.empty()) return use.tools;
  for (const Tool& tool : use.tools) {
    if (tool.name == use.name) return {tool};
  }
  refuse_field("tool_choice", "tool_choice: there is no tool \"{}\"", use.name);
}

/// Refuses what a client counts on where nothing holds calls to it.
void refuse_promises(const ToolUse& use, std::string_view why) {
  if (!use.parallel) refuse_field("parallel_tool_calls", "parallel_tool_calls: {}", why);
  for (const Tool& tool : use.tools) {
    if (tool.strict) refuse_field("tools", "tools: {} is strict: {}", tool.name, why);
  }
}

/// Where calls are name[ARGS]{...} nothing but arguments can be held to a schema, and those only
/// when it is known whose they are.
void plan_named(const ToolUse& use, const CallSyntax& syntax, Request& request) {
  const std::vector<Tool> tools = callable(use);
  if (use.mode == Mode::kRequired) {
    if (tools.size() > 1) {
      refuse_field("tool_choice",
                   "tool_choice: calls of this model cannot be held to one of several tools: "
                   "wanted the name of one");
    }
    request.answer_begin = syntax.begin + tools[0].name + std::string(kArgumentsMarker);
    request.constraint = Constraint{
        Constraint::Kind::kJsonSchema, {json::serialize(arguments_schema(tools[0]))}, ""};
    return;
  }
  refuse_promises(use, "calls of this model are held to nothing unless tool_choice names a tool");
}

void plan_objects(const ToolUse& use, const CallSyntax& syntax, Request& request) {
  const bool list = syntax.form == Form::kList;
  const std::string schema =
      call_schema(callable(use), syntax.arguments_key, list, use.parallel ? 0 : 1);
  Constraint constraint{Constraint::Kind::kJsonSchema, {schema}, ""};
  if (use.mode == Mode::kRequired) {
    request.answer_begin = syntax.begin.empty() ? "" : syntax.begin + syntax.space;
  } else if (syntax.begin.empty()) {
    constraint.if_begins = "{\"name\":";
  } else {
    constraint.after = syntax.begin;
    constraint.opening = syntax.space;
    constraint.ends_answer = list || !use.parallel;
  }
  request.constraint = std::move(constraint);
}

void plan_calls(const ToolUse& use, const AnswerSyntax& syntax, Request& request) {
  if (!syntax.calls) {
    if (use.mode == Mode::kRequired) {
      refuse_field("tool_choice",
                   "tool_choice: this model's chat template does not show how it calls tools: "
                   "wanted \"auto\" or \"none\"");
    }
    // The template may tell the model of them all the same.
    return refuse_promises(use, "this model's chat template does not show how it calls tools");
  }
  if (request.constraint) {
    refuse_field("tools",
                 "tools: an answer is held to tools or to a form (response_format, "
                 "output_config), not to both");
  }
  if (syntax.calls->form == Form::kNamed) {
    plan_named(use, *syntax.calls, request);
  } else {
    plan_objects(use, *syntax.calls, request);
  }
}

}  // namespace

Tool make_tool(const std::string& name, const json::value* parameters, const std::string& where) {
  const auto bad = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' ||
           std::string_view("\"\\[]{}").find(c) != std::string_view::npos;
  };
  if (name.empty() || name.size() > kMaxName || std::ranges::any_of(name, bad)) {
    refuse_field(where,
                 "{}: wanted a tool's name of 1 to {} letters, digits, _, - and ., found \"{}\"",
                 where, kMaxName, name);
  }
  Tool tool{name, parameters ? *parameters : json::value()};
  if (!parameters) return tool;
  const json::object* schema = parameters->if_object();
  const json::value* type = schema ? schema->if_contains("type") : nullptr;
  if (!schema || (type && *type != "object")) {
    refuse_field(where, "{}: wanted a JSON Schema of an object, found {}", where,
                 shown(*parameters));
  }
  return tool;
}

ToolUse read_chat_tools(Fields& fields, Request& request) {
  ToolUse use;
  const json::array* tools = fields.list("tools");
  use.mode = read_mode(fields, use.name);
  use.parallel = fields.boolean("parallel_tool_calls").value_or(true);
  for (std::size_t i = 0; tools && i < tools->size(); ++i) {
    // The template may read members that the server knows nothing of.
    Fields tool((*tools)[i], fmt::format("tools[{}]", i), true);
    const std::string type = tool.need_text("type");
    if (type != "function") {
      refuse_field(tool.path("type"), "{}: wanted function, found \"{}\"", tool.path("type"), type);
    }
    tool.need("function");
    Fields function = *tool.object("function");
    use.tools.push_back(
        make_tool(function.need_text("name"), function.find("parameters"), tool.path("function")));
    use.tools.back().strict = function.boolean("strict").value_or(false);
  }
  if (use.mode == Mode::kRequired && use.tools.empty()) {
    refuse_field("tool_choice", "tool_choice: there are no tools to call");
  }
  if (use.active()) request.tools = json::serialize(*tools);
  return use;
}

AnswerPlan plan_answer(const ToolUse& use, const ApiContext& context, Request& request) {
  AnswerPlan plan;
  if (context.answers) {
    plan.syntax = context.answers->syntax();
    const std::optional<ReasoningSyntax> open = context.answers->open_reasoning(request);
    if (open) plan.syntax.reasoning = open;
    plan.reasoning_open = open.has_value();
  }
  if (use.active()) {
    plan_calls(use, plan.syntax, request);
  } else {
    plan.syntax.calls.reset();
  }
  const std::optional<Constraint>& form = request.constraint;
  if (plan.reasoning_open && form && form->after.empty() && form->if_begins.empty()) {
    // Nothing of what is held to a form is reasoning.
    request.answer_begin = "\n" + plan.syntax.reasoning->end + "\n\n" + request.answer_begin;
  }
  request.visible_tokens = plan.syntax.markers();
  plan.begun = request.answer_begin;
  return plan;
}

}  // namespace saccade::server
