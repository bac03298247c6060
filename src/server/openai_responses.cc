#include "server/openai_responses.h"

#include <boost/json.hpp>
#include <utility>

#include "server/message_pictures.h"
#include "server/response_events.h"
#include "server/response_format.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// Reads "instructions" and "input" of one request.
class InputReader {
 public:
  InputReader(Fields& fields, const ApiContext& context, Request& request)
      : fields_(fields), pictures_(context), request_(request) {}

  void read() {
    if (const auto instructions = fields_.text("instructions")) {
      request_.messages.push_back({"system", {*instructions}});
    }
    const json::value& input = fields_.need("input");
    if (input.is_string()) {
      request_.messages.push_back({"user", {std::string(input.get_string())}});
    } else {
      const json::array& items = *fields_.list("input");
      if (items.empty()) refuse_field("input", "input: wanted at least one message");
      for (std::size_t i = 0; i < items.size(); ++i) {
        read_item(Fields(items[i], fmt::format("input[{}]", i), fields_.lenient()));
      }
    }
    pictures_.apply_budget(request_);
  }

 private:
  void read_item(Fields fields) {
    const std::string type = fields.text("type").value_or("message");
    if (type != "message") {
      refuse_field(fields.path("type"), "{}: wanted message, found \"{}\"", fields.path("type"),
                   type);
    }
    Message message{fields.need_text("role"), {}};
    if (message.role == "developer") message.role = "system";
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      refuse_field(fields.path("role"),
                   "{}: wanted system, developer, user or assistant, found \"{}\"",
                   fields.path("role"), message.role);
    }
    const json::value& content = fields.need("content");
    if (content.is_string()) {
      message.content.emplace_back(std::string(content.get_string()));
    } else {
      const json::array& parts = *fields.list("content");
      for (std::size_t i = 0; i < parts.size(); ++i) {
        read_part(
            Fields(parts[i], fmt::format("{}[{}]", fields.path("content"), i), fields.lenient()),
            message);
      }
    }
    // What an answer that is sent back has besides.
    for (const char* name : {"id", "status"}) fields.ignore(name);
    fields.done();
    request_.messages.push_back(std::move(message));
  }

  void read_part(Fields part, Message& message) {
    const std::string type = part.need_text("type");
    if (type == "input_text" || type == "output_text") {
      message.content.emplace_back(part.need_text("text"));
      for (const char* name : {"annotations", "logprobs"}) part.ignore(name);
    } else if (type == "input_image") {
      pictures_.read_detail(part);
      part.refuse("file_id", "this server keeps no files");
      message.content.emplace_back(
          pictures_.from_url(part.need_text("image_url"), part.path("image_url")));
    } else {
      refuse_field(part.path("type"),
                   "{}: wanted input_text, input_image or output_text, found \"{}\"",
                   part.path("type"), type);
    }
    part.done();
  }

  Fields& fields_;
  MessagePictures pictures_;
  Request& request_;
};

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
  fields.only("tools", json::array(), "this server does not tell tool calls from text");
  fields.only("tool_choice", "auto", "there are no tools here");
  fields.only("truncation", "disabled", "this server leaves nothing out");
  fields.only("include", json::array(), "there is nothing to include here");
  fields.only("top_logprobs", 0, "/v1/chat/completions has log-probabilities");
  fields.refuse("max_tool_calls", "there are no tools here");
  fields.refuse("reasoning", "wanted chat_template_kwargs with what the model's template knows");
  for (const char* name : {"user", "safety_identifier", "prompt_cache_key", "metadata",
                           "service_tier", "parallel_tool_calls"}) {
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

/// The members of a response that repeat its request.
json::object settings_of(const Request& request, Fields& fields) {
  return {{"instructions", or_null(fields.text("instructions"))},
          {"max_output_tokens", or_null(fields.integer("max_output_tokens"))},
          {"temperature", or_null(request.sampling.temperature)},
          {"top_p", or_null(request.sampling.top_p)},
          {"text", text_of(fields)},
          {"tools", json::array()},
          {"tool_choice", "auto"},
          {"parallel_tool_calls", true},
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
  InputReader(fields, context, request).read();
  read_template_variables(fields, request);
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
  return {{std::move(request)}, stream, make_response_format(context, std::move(settings))};
}

}  // namespace saccade::server
