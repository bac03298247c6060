#include "server/tool_use.h"

#include <utility>

#include "server/call_schema.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

using Mode = ToolUse::Mode;
using Form = CallSyntax::Form;

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

/// What a call is held to behind its marker.
Constraint call_constraint(const ToolUse& use, const CallSyntax& syntax) {
  const std::vector<Tool> tools = callable(use);
  if (syntax.form != Form::kObject && syntax.form != Form::kList) {
    // Behind one call the model begins the next one itself where it need not call.
    const bool repeated = syntax.form != Form::kTags && use.parallel && use.mode == Mode::kRequired;
    return {Constraint::Kind::kGbnf, {call_grammar(tools, syntax, repeated)}, ""};
  }
  const bool list = syntax.form == Form::kList;
  return {Constraint::Kind::kJsonSchema,
          {call_schema(tools, syntax.arguments_key, list, use.parallel ? 0 : 1)},
          ""};
}

void plan_marked(const ToolUse& use, const CallSyntax& syntax, Request& request) {
  const bool list = syntax.form == Form::kList;
  Constraint constraint = call_constraint(use, syntax);
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
  plan_marked(use, *syntax.calls, request);
}

std::shared_ptr<const ToolSchemas> schemas_of(const ToolUse& use) {
  ToolSchemas schemas;
  for (const Tool& tool : use.tools) schemas.emplace(tool.name, tool.parameters);
  return std::make_shared<const ToolSchemas>(std::move(schemas));
}

/// The answer begins with a call or is held to a form, so that there is no place to reason in.
bool settled_from_the_beginning(const Request& request) {
  const std::optional<Constraint>& form = request.constraint;
  return !request.answer_begin.empty() || (form && form->after.empty() && form->if_begins.empty());
}

/// Says how long the answer may reason, and ends reasoning that the prompt began where it may not.
void plan_reasoning(const ReasoningWish& wish, bool model_reasons, AnswerPlan& plan,
                    Request& request) {
  const bool settled = settled_from_the_beginning(request);
  const bool off = wish.mode == ReasoningWish::Mode::kOff;
  const std::optional<ReasoningSyntax>& syntax = plan.syntax.reasoning;
  if (!syntax) {
    if (wish.budget || (settled && wish.mode == ReasoningWish::Mode::kOn)) {
      refuse_field(wish.field, "{}: this model has no mark that ends its reasoning", wish.field);
    }
    return;
  }
  if (plan.reasoning_open && off) {
    request.answer_begin = syntax->closing + request.answer_begin;
    return;
  }
  if (settled) {
    if (off || !model_reasons) return;
    // What the answer must begin with comes behind its reasoning.
    request.constraint->opening = std::exchange(request.answer_begin, "");
    plan.calls_in_reasoning = false;
  }
  request.reasoning =
      Reasoning{syntax->begin, syntax->end, plan.reasoning_open, wish.budget, syntax->closing};
  if (off) request.reasoning->budget = 0;
}

}  // namespace

AnswerPlan plan_answer(const ToolUse& use, ReasoningWish wish, const ApiContext& context,
                       Request& request) {
  settle_reasoning(wish, context, request);
  AnswerPlan plan;
  if (context.answers) {
    plan.syntax = context.answers->syntax();
    const std::optional<ReasoningSyntax> open = context.answers->open_reasoning(request);
    if (open) plan.syntax.reasoning = open;
    plan.reasoning_open = open.has_value();
  }
  if (use.active()) {
    plan_calls(use, plan.syntax, request);
    if (plan.syntax.calls && plan.syntax.calls->form == Form::kTags) {
      plan.schemas = schemas_of(use);
    }
  } else {
    plan.syntax.calls.reset();
  }
  const bool model_reasons = context.answers && context.answers->reasoning().known;
  plan_reasoning(wish, plan.reasoning_open || model_reasons, plan, request);
  request.visible_tokens = plan.syntax.markers();
  plan.begun = request.answer_begin;
  return plan;
}

}  // namespace saccade::server
