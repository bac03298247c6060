#include "server/response_input.h"

#include <boost/json.hpp>
#include <optional>
#include <utility>

#include "server/message_pictures.h"
#include "server/tool_use.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// A turn of the assistant's, whose reasoning, text and calls are items of their own.
struct AssistantTurn {
  std::optional<Message> message;  ///< what it said
  std::string reasoning;
  json::array calls;

  Message take() {
    json::object further;
    if (!calls.empty()) further["tool_calls"] = std::move(calls);
    if (!reasoning.empty()) further["reasoning_content"] = std::move(reasoning);
    Message turn = message ? std::move(*message) : Message{"assistant", {}};
    if (!further.empty()) turn.fields = json::serialize(further);
    return turn;
  }
};

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
      end_turn();
    }
    pictures_.apply_budget(request_);
  }

 private:
  void read_item(Fields fields) {
    const std::string type = fields.text("type").value_or("message");
    if (type == "message") {
      read_message(fields);
    } else if (type == "function_call") {
      read_call(fields);
    } else if (type == "function_call_output") {
      read_result(fields);
    } else if (type == "reasoning") {
      read_reasoning(fields);
    } else {
      refuse_field(fields.path("type"),
                   "{}: wanted message, function_call, function_call_output or reasoning, found "
                   "\"{}\"",
                   fields.path("type"), type);
    }
    // What an answer that is sent back has besides.
    for (const char* name : {"id", "status"}) fields.ignore(name);
    fields.done();
  }

  void read_message(Fields& fields) {
    Message message{fields.need_text("role"), {}};
    if (message.role == "developer") message.role = "system";
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      refuse_field(fields.path("role"),
                   "{}: wanted system, developer, user or assistant, found \"{}\"",
                   fields.path("role"), message.role);
    }
    read_content(fields, "content", message);
    if (message.role != "assistant") {
      end_turn();
      request_.messages.push_back(std::move(message));
      return;
    }
    if (turn_ && (turn_->message || !turn_->calls.empty())) end_turn();
    turn().message = std::move(message);
  }

  void read_call(Fields& fields) {
    fields.need_text("arguments");
    fields.ignore("parsed_arguments");  // OpenAI's client adds it to what it was given
    json::object function = {
        {"name", fields.need_text("name")},
        {"arguments", template_arguments(fields.need("arguments").get_string())}};
    turn().calls.push_back(json::object{{"id", fields.need_text("call_id")},
                                        {"type", "function"},
                                        {"function", std::move(function)}});
  }

  void read_result(Fields& fields) {
    end_turn();
    const json::object further = {{"tool_call_id", fields.need_text("call_id")}};
    Message message{"tool", {}, json::serialize(further)};
    read_content(fields, "output", message);
    request_.messages.push_back(std::move(message));
  }

  /// The text itself, as this server gives it. A summary is not what the model thought.
  void read_reasoning(Fields& fields) {
    end_turn();
    fields.ignore("summary");
    fields.refuse("encrypted_content", "this server encrypts nothing: wanted content");
    const json::array* parts = fields.list("content");
    for (std::size_t i = 0; parts && i < parts->size(); ++i) {
      Fields part((*parts)[i], fmt::format("{}[{}]", fields.path("content"), i), fields.lenient());
      const std::string type = part.need_text("type");
      if (type != "reasoning_text") {
        refuse_field(part.path("type"), "{}: wanted reasoning_text, found \"{}\"",
                     part.path("type"), type);
      }
      turn().reasoning += part.need_text("text");
      part.done();
    }
  }

  /// A text, or a list of texts and pictures.
  void read_content(Fields& fields, std::string_view name, Message& message) {
    const json::value& content = fields.need(name);
    if (content.is_string()) {
      message.content.emplace_back(std::string(content.get_string()));
      return;
    }
    const json::array& parts = *fields.list(name);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      read_part(Fields(parts[i], fmt::format("{}[{}]", fields.path(name), i), fields.lenient()),
                message);
    }
  }

  void read_part(Fields part, Message& message) {
    const std::string type = part.need_text("type");
    if (type == "input_text" || type == "output_text") {
      message.content.emplace_back(part.need_text("text"));
      for (const char* name : {"annotations", "logprobs", "parsed"}) part.ignore(name);
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

  AssistantTurn& turn() { return turn_ ? *turn_ : turn_.emplace(); }
  void end_turn() {
    if (turn_) request_.messages.push_back(turn_->take());
    turn_.reset();
  }

  Fields& fields_;
  MessagePictures pictures_;
  Request& request_;
  std::optional<AssistantTurn> turn_;  // that further items may belong to
};

}  // namespace

void read_response_input(Fields& fields, const ApiContext& context, Request& request) {
  InputReader(fields, context, request).read();
}

}  // namespace saccade::server
