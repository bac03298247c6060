#include "server/anthropic_messages.h"

#include <utility>

#include "server/identifier.h"
#include "server/message_pictures.h"
#include "server/response_format.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// "end_turn" or "max_tokens".
std::string_view stop_reason(const Result& result) {
  return result.finish_reason == FinishReason::kLength ? "max_tokens" : "end_turn";
}

/// Anthropic counts apart what came from a cache.
json::object usage_json(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens}};
}

std::string event(std::string_view type, json::object members) {
  json::object data = {{"type", type}};
  for (auto& member : members) data[member.key()] = std::move(member.value());
  return server_sent_event(json::serialize(data), std::string(type));
}

class MessageFormat : public AnswerFormat {
 public:
  explicit MessageFormat(std::string model) : model_(std::move(model)) {}

  Dialect dialect() const override { return Dialect::kAnthropic; }

  std::string whole(std::span<const Result> results) override {
    const Result& result = results.front();
    json::object answer = message(usage_json(result.usage));
    answer["content"] = json::array{json::object{{"type", "text"}, {"text", result.text}}};
    answer["stop_reason"] = stop_reason(result);
    return json::serialize(answer);
  }

  std::string stream_prompt(int, const Usage& usage) override {
    const json::object block = {{"type", "text"}, {"text", ""}};
    return event("message_start", {{"message", message(usage_json(usage))}}) +
           event("content_block_start", {{"index", 0}, {"content_block", block}});
  }

  std::string stream_piece(int, const std::string& text,
                           std::span<const GeneratedLogprob>) override {
    if (text.empty()) return {};
    const json::object delta = {{"type", "text_delta"}, {"text", text}};
    return event("content_block_delta", {{"index", 0}, {"delta", delta}});
  }

  std::string stream_choice_end(int, const Result& result) override {
    const json::object delta = {{"stop_reason", stop_reason(result)}, {"stop_sequence", nullptr}};
    return event("content_block_stop", {{"index", 0}}) +
           event("message_delta", {{"delta", delta}, {"usage", usage_json(result.usage)}});
  }

  std::string stream_end(std::span<const Result>) override { return event("message_stop", {}); }

  std::string stream_error(const ApiError& error) override {
    return server_sent_event(error_json(Dialect::kAnthropic, error, id_), "error");
  }

 private:
  json::object message(json::object usage) const {
    return {{"id", id_},
            {"type", "message"},
            {"role", "assistant"},
            {"model", model_},
            {"content", json::array()},
            {"stop_reason", nullptr},
            {"stop_sequence", nullptr},
            {"usage", std::move(usage)}};
  }

  const std::string model_;
  const std::string id_ = make_identifier("msg_");
};

/// Reads the prompt of one request.
class PromptReader {
 public:
  PromptReader(Fields& fields, const ApiContext& context, Request& request)
      : fields_(fields), pictures_(context.options), request_(request) {}

  void read() {
    read_system();
    fields_.need("messages");
    const json::array& messages = *fields_.list("messages");
    if (messages.empty()) refuse_field("messages", "messages: wanted at least one");
    for (std::size_t i = 0; i < messages.size(); ++i) {
      read_message(Fields(messages[i], fmt::format("messages[{}]", i), fields_.lenient()));
    }
    if (request_.messages.back().role == "assistant") {
      refuse_field("messages",
                   "messages: the last one must be the user's: this server does not go "
                   "on with an answer that was begun");
    }
  }

 private:
  void read_system() {
    const json::value* system = fields_.find("system");
    if (!system) return;
    Message message{"system", {}};
    if (system->is_string()) {
      message.content.emplace_back(std::string(system->get_string()));
    } else {
      read_blocks(*fields_.list("system"), "system", message);
    }
    request_.messages.push_back(std::move(message));
  }

  void read_message(Fields fields) {
    Message message{fields.need_text("role"), {}};
    if (message.role != "user" && message.role != "assistant") {
      refuse_field(fields.path("role"), "{}: wanted user or assistant, found \"{}\"",
                   fields.path("role"), message.role);
    }
    const json::value& content = fields.need("content");
    if (content.is_string()) {
      message.content.emplace_back(std::string(content.get_string()));
    } else {
      read_blocks(*fields.list("content"), fields.path("content"), message);
    }
    fields.done();
    request_.messages.push_back(std::move(message));
  }

  void read_blocks(const json::array& blocks, const std::string& where, Message& message) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      Fields block(blocks[i], fmt::format("{}[{}]", where, i), fields_.lenient());
      const std::string type = block.need_text("type");
      if (type == "text") {
        message.content.emplace_back(block.need_text("text"));
      } else if (type == "image" && message.role == "user") {
        message.content.emplace_back(read_picture(block));
      } else {
        refuse_field(block.path("type"), "{}: wanted {}, found \"{}\"", block.path("type"),
                     message.role == "user" ? "text or image" : "text", type);
      }
      block.ignore("cache_control");  // what can be reused is, without being told
      block.ignore("citations");
      block.done();
    }
  }

  ImageBytes read_picture(Fields& block) {
    block.need("source");
    Fields source = *block.object("source");
    const std::string type = source.need_text("type");
    if (type != "base64" && type != "url") {
      refuse_field(source.path("type"), "{}: wanted base64 or url, found \"{}\"",
                   source.path("type"), type);
    }
    source.ignore("media_type");  // the picture itself says what it is
    const std::string name = type == "url" ? "url" : "data";
    const std::string text = source.need_text(name);
    source.done();
    return type == "url" ? pictures_.from_url(text, source.path(name))
                         : pictures_.from_base64(text, source.path(name));
  }

  Fields& fields_;
  MessagePictures pictures_;
  Request& request_;
};

/// What counting and answering have in common.
void read_prompt(Fields& fields, const ApiContext& context, Request& request) {
  read_model(fields, context);
  read_pixel_budget(fields, request);
  PromptReader(fields, context, request).read();
  read_template_variables(fields, request);
  fields.refuse("tools", "this server does not tell tool calls from text");
  fields.refuse("tool_choice", "this server does not tell tool calls from text");
  if (std::optional<Fields> form = fields.object("output_config")) {
    read_response_format(*form, "format", request);
    form->refuse("effort", "wanted chat_template_kwargs with what the template knows");
    form->done();
  }
  if (std::optional<Fields> thinking = fields.object("thinking")) {
    thinking->only("type", "disabled", "wanted chat_template_kwargs with what the template knows");
  }
  fields.ignore("cache_control");
}

}  // namespace

Generation read_anthropic_message(const json::value& body, const ApiContext& context) {
  Fields fields(body, "", context.options.lenient);
  Request request;
  read_prompt(fields, context, request);
  fields.need("max_tokens");
  read_max_tokens(fields, {"max_tokens"}, context.context_length, context, request);
  read_sampling(fields, context, request);
  read_stop(fields, "stop_sequences", request);
  const bool stream = fields.boolean("stream").value_or(false);
  for (const char* name : {"metadata", "service_tier"}) fields.ignore(name);
  fields.done();
  return {{std::move(request)}, stream, std::make_unique<MessageFormat>(context.model_name)};
}

Request read_anthropic_count(const json::value& body, const ApiContext& context) {
  Fields fields(body, "", context.options.lenient);
  Request request;
  read_prompt(fields, context, request);
  fields.done();
  return request;
}

}  // namespace saccade::server
