#include "server/anthropic_messages.h"

#include <utility>

#include "server/anthropic_events.h"
#include "server/message_pictures.h"
#include "server/response_format.h"
#include "server/tool_use.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// Reads the prompt of one request.
class PromptReader {
 public:
  PromptReader(Fields& fields, const ApiContext& context, Request& request)
      : fields_(fields), pictures_(context), request_(request) {}

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

  /// What tools answered stands in a turn of the user's; templates have a turn for each answer.
  void read_message(Fields fields) {
    Message message{fields.need_text("role"), {}};
    calls_ = json::array();
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
    json::object further;
    if (!calls_.empty()) further["tool_calls"] = std::move(calls_);
    if (!reasoning_.empty()) further["reasoning_content"] = std::exchange(reasoning_, {});
    if (!further.empty()) message.fields = json::serialize(further);
    const bool results_alone = message.content.empty() && request_.messages.size() > 0 &&
                               request_.messages.back().role == "tool";
    if (!results_alone || message.role != "user") request_.messages.push_back(std::move(message));
  }

  void read_blocks(const json::array& blocks, const std::string& where, Message& message) {
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      Fields block(blocks[i], fmt::format("{}[{}]", where, i), fields_.lenient());
      const std::string type = block.need_text("type");
      if (type == "text") {
        message.content.emplace_back(block.need_text("text"));
      } else if (type == "image" && message.role == "user") {
        message.content.emplace_back(read_picture(block));
      } else if (type == "tool_result" && message.role == "user") {
        read_tool_result(block, message);
      } else if (type == "tool_use" && message.role == "assistant") {
        read_tool_use(block);
      } else if (type == "thinking" && message.role == "assistant") {
        reasoning_ += block.need_text("thinking");
        block.ignore("signature");
      } else {
        refuse_field(block.path("type"), "{}: wanted {}, found \"{}\"", block.path("type"),
                     message.role == "user"        ? "text, image or tool_result"
                     : message.role == "assistant" ? "text, thinking or tool_use"
                                                   : "text",
                     type);
      }
      block.ignore("cache_control");  // what can be reused is, without being told
      block.ignore("citations");
      block.done();
    }
  }

  void read_tool_use(Fields& block) {
    json::object function = {{"name", block.need_text("name")}, {"arguments", block.need("input")}};
    calls_.push_back(json::object{
        {"id", block.need_text("id")}, {"type", "function"}, {"function", std::move(function)}});
  }

  void read_tool_result(Fields& block, const Message& message) {
    if (!message.content.empty()) {
      refuse_field(block.path("type"),
                   "{}: results of tools come before anything else in a message",
                   block.path("type"));
    }
    json::object further = {{"tool_call_id", block.need_text("tool_use_id")}};
    Message result{"tool", {}};
    if (const json::value* content = block.find("content")) {
      if (content->is_string()) {
        result.content.emplace_back(std::string(content->get_string()));
      } else {
        read_blocks(*block.list("content"), block.path("content"), result);
      }
    }
    // Templates have no place for it, and the text tells.
    (void)block.boolean("is_error");
    result.fields = json::serialize(further);
    request_.messages.push_back(std::move(result));
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
  json::array calls_;      // of the message that is read
  std::string reasoning_;  // likewise
};

/// What counting and answering have in common.
struct Prompt {
  ToolUse tools;
  ReasoningWish reasoning;
};

Prompt read_prompt(Fields& fields, const ApiContext& context, Request& request) {
  read_model(fields, context);
  read_pixel_budget(fields, request);
  PromptReader(fields, context, request).read();
  read_template_variables(fields, request);
  Prompt prompt{read_message_tools(fields, request), {}};
  std::optional<Fields> form = fields.object("output_config");
  prompt.reasoning = read_message_reasoning(fields, form ? &*form : nullptr);
  if (form) {
    read_response_format(*form, "format", request);
    form->done();
  }
  fields.ignore("cache_control");
  return prompt;
}

}  // namespace

Generation read_anthropic_message(const json::value& body, const ApiContext& context) {
  Fields fields(body, "", context.options.lenient);
  Request request;
  const Prompt prompt = read_prompt(fields, context, request);
  fields.need("max_tokens");
  read_max_tokens(fields, {"max_tokens"}, context.context_length, context, request);
  read_sampling(fields, context, request);
  read_stop(fields, "stop_sequences", request);
  const bool stream = fields.boolean("stream").value_or(false);
  for (const char* name : {"metadata", "service_tier"}) fields.ignore(name);
  fields.done();
  AnswerPlan plan = plan_answer(prompt.tools, prompt.reasoning, context, request);
  return {{std::move(request)}, stream, make_message_format(context, std::move(plan))};
}

Request read_anthropic_count(const json::value& body, const ApiContext& context) {
  Fields fields(body, "", context.options.lenient);
  Request request;
  const Prompt prompt = read_prompt(fields, context, request);
  fields.done();
  plan_answer(prompt.tools, prompt.reasoning, context, request);
  return request;
}

}  // namespace saccade::server
