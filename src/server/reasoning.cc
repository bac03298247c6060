#include "server/reasoning.h"

#include <algorithm>
#include <array>
#include <utility>

namespace saccade::server {
namespace {

using Mode = ReasoningWish::Mode;

/// Budgets for models whose templates know no efforts; docs/server.md tells them.
struct Effort {
  std::string_view name;
  std::optional<std::int64_t> budget;
};
constexpr std::array kEfforts = {Effort{"minimal", 256},        Effort{"low", 1024},
                                 Effort{"medium", 4096},        Effort{"high", std::nullopt},
                                 Effort{"xhigh", std::nullopt}, Effort{"max", std::nullopt}};

void read_effort(Fields& fields, std::string_view name, ReasoningWish& wish) {
  const auto effort = fields.text(name);
  if (!effort) return;
  wish.field = fields.path(name);
  if (*effort == "none") {
    wish.mode = Mode::kOff;
    return;
  }
  if (std::ranges::find(kEfforts, *effort, &Effort::name) == kEfforts.end()) {
    refuse_field(wish.field,
                 "{}: wanted none, minimal, low, medium, high, xhigh or max, found \"{}\"",
                 wish.field, *effort);
  }
  wish.mode = Mode::kOn;
  wish.effort = *effort;
}

/// The field of Saccade's own, which all APIs have.
void read_budget(Fields& fields, ReasoningWish& wish) {
  const auto budget = fields.integer("thinking_budget", 0);
  if (!budget) return;
  if (wish.mode == Mode::kOff && *budget > 0) {
    refuse_field("thinking_budget", "thinking_budget: {} turns thinking off", wish.field);
  }
  if (wish.budget) refuse_field("thinking_budget", "thinking_budget: {} has one", wish.field);
  wish.field = "thinking_budget";
  wish.mode = *budget > 0 ? Mode::kOn : Mode::kOff;
  if (*budget > 0) wish.budget = budget;
}

void set_variable(Request& request, const std::string& name, const std::string& value,
                  const std::string& field) {
  for (const auto& [known, unused] : request.template_variables) {
    if (known == name) {
      refuse_field(field, "{}: chat_template_kwargs has {} already", field, name);
    }
  }
  request.template_variables.emplace_back(name, value);
}

}  // namespace

ReasoningWish read_chat_reasoning(Fields& fields) {
  ReasoningWish wish;
  read_effort(fields, "reasoning_effort", wish);
  read_budget(fields, wish);
  return wish;
}

ReasoningWish read_response_reasoning(Fields& fields) {
  ReasoningWish wish;
  if (std::optional<Fields> reasoning = fields.object("reasoning")) {
    read_effort(*reasoning, "effort", wish);
    const char* const kWhole = "this server gives the reasoning itself, without a summary";
    reasoning->only("summary", "auto", kWhole);
    reasoning->refuse("generate_summary", kWhole);
    reasoning->done();
  }
  read_budget(fields, wish);
  return wish;
}

ReasoningWish read_message_reasoning(Fields& fields, Fields* output_config) {
  ReasoningWish wish;
  if (std::optional<Fields> thinking = fields.object("thinking")) {
    const std::string type = thinking->need_text("type");
    wish.field = "thinking";
    if (type == "enabled") {
      thinking->need("budget_tokens");
      wish.budget = thinking->integer("budget_tokens", 1);
    } else if (type != "disabled" && type != "adaptive") {
      refuse_field("thinking.type",
                   "thinking.type: wanted enabled, adaptive or disabled, found \"{}\"", type);
    }
    wish.mode = type == "disabled" ? Mode::kOff : Mode::kOn;
    thinking->done();
  }
  if (output_config && output_config->find("effort")) {
    if (wish.mode != Mode::kOn) {
      refuse_field("output_config.effort",
                   "output_config.effort: it is an effort of thinking here: wanted \"thinking\" "
                   "that is enabled or adaptive");
    }
    read_effort(*output_config, "effort", wish);
  }
  read_budget(fields, wish);
  return wish;
}

void settle_reasoning(ReasoningWish& wish, const ApiContext& context, Request& request) {
  if (wish.mode == Mode::kDefault) return;
  const ReasoningTraits none;
  const ReasoningTraits& traits = context.answers ? context.answers->reasoning() : none;
  if (!traits.known) {
    if (wish.mode == Mode::kOn && !context.options.lenient) {
      refuse_field(wish.field, "{}: this model's chat template knows no reasoning", wish.field);
    }
    wish = {};
    return;
  }
  const bool on = wish.mode == Mode::kOn;
  if (!traits.variable.empty()) {
    set_variable(request, traits.variable, on ? "true" : "false", wish.field);
  }
  if (wish.effort.empty()) return;
  if (traits.knows_effort) {
    set_variable(request, "reasoning_effort", '"' + wish.effort + '"', wish.field);
  } else if (!wish.budget) {
    wish.budget = std::ranges::find(kEfforts, wish.effort, &Effort::name)->budget;
  }
}

}  // namespace saccade::server
