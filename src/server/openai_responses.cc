#include "server/openai_responses.h"

#include <boost/json.hpp>
#include <utility>

#include "server/response_events.h"
#include "server/response_format.h"
#include "server/response_input.h"
#include "server/tool_use.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// text.format, the form of the answer.
void read_text_form(Fields& fields, Request& request) {
  std::optional<Fields> text = fields.object("text");
  if (!text) return;
  read_response_format(*text, "format", request);
  text->refuse("verbosity", "this server cannot make a model brief");
  text->done();
}

/// What OpenAI's service offers and this server does not, and what says nothing about the answer.
void read_other_fields(Fields& fields) {
  const char* const kNoState = "this server keeps no state between requests";
  fields.only("store", false, kNoState);
  fields.refuse("previous_response_id", kNoState);
  fields.refuse("conversation", kNoState);
  fields.refuse("prompt", kNoState);
  fields.only("background", false, "this server answers at once");
  fields.only("truncation", "disabled", "this server leaves nothing out");
  fields.only("include", json::array(), "there is nothing to include here");
  fields.only("top_logprobs", 0, "/v1/chat/completions has log-probabilities");
  fields.refuse("max_tool_calls", "this server calls no tools itself");
  for (const char* name :
       {"user", "safety_identifier", "prompt_cache_key", "metadata", "service_tier"}) {
    fields.ignore(name);
  }
}

json::value or_null(const auto& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::value text_of(Fields& fields) {
  const json::value* text = fields.find("text");
  const bool given = text && text->is_object() && text->get_object().contains("format");
  return given ? *text : json::value{{"format", {{"type", "text"}}}};
}

json::value value_or(Fields& fields, std::string_view name, json::value otherwise) {
  const json::value* value = fields.find(name);
  return value ? *value : std::move(otherwise);
}

/// The members of a response that repeat its request.
json::object settings_of(const Request& request, Fields& fields) {
  return {{"instructions", or_null(fields.text("instructions"))},
          {"max_output_tokens", or_null(fields.integer("max_output_tokens"))},
          {"temperature", or_null(request.sampling.temperature)},
          {"top_p", or_null(request.sampling.top_p)},
          {"text", text_of(fields)},
          {"tools", value_or(fields, "tools", json::array())},
          {"tool_choice", value_or(fields, "tool_choice", "auto")},
          {"parallel_tool_calls", value_or(fields, "parallel_tool_calls", true)},
          {"reasoning", value_or(fields, "reasoning", nullptr)},
          {"previous_response_id", nullptr},
          {"store", false},
          {"truncation", "disabled"},
          {"metadata", json::object()}};
}

}  // namespace

Generation read_response(const json::value& body, const ApiContext& context) {
  Fields fields(body, "", context.options.lenient);
  Request request;
  read_model(fields, context);
  read_pixel_budget(fields, request);
  read_response_input(fields, context, request);
  const ToolUse tools = read_response_tools(fields, request);
  read_template_variables(fields, request);
  const ReasoningWish reasoning = read_response_reasoning(fields);
  read_sampling(fields, context, request);
  read_max_tokens(fields, {"max_output_tokens"}, context.context_length, context, request);
  read_text_form(fields, request);
  const bool stream = fields.boolean("stream").value_or(false);
  if (std::optional<Fields> options = fields.object("stream_options")) {
    options->only("include_obfuscation", false, "this server does not pad its events");
    options->done();
  }
  read_other_fields(fields);
  fields.done();
  json::object settings = settings_of(request, fields);
  AnswerPlan plan = plan_answer(tools, reasoning, context, request);
  return {{std::move(request)},
          stream,
          make_response_format(context, std::move(plan), std::move(settings))};
}

}  // namespace saccade::server
