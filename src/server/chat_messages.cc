#include "server/chat_messages.h"

#include "server/message_pictures.h"
#include "server/tool_use.h"

namespace saccade::server {
namespace json = boost::json;
namespace {

/// Reads the messages of one request.
class MessageReader {
 public:
  MessageReader(const ApiContext& context, Request& request)
      : pictures_(context), request_(request) {}

  void read(const json::value& value, const std::string& where, bool lenient) {
    Fields fields(value, where, lenient);
    Message message;
    message.role = fields.need_text("role");
    check_role(message.role, fields);
    read_further_fields(fields, message);
    read_content(fields, message);
    fields.done();
    request_.messages.push_back(std::move(message));
  }

  void finish() { pictures_.apply_budget(request_); }

 private:
  void check_role(std::string& role, const Fields& fields) const {
    if (role == "developer") role = "system";  // OpenAI's newer name; templates know the old one
    for (const char* known : {"system", "user", "assistant", "tool"}) {
      if (role == known) return;
    }
    refuse_field(fields.path("role"),
                 "{}: wanted system, developer, user, assistant or tool, found \"{}\"",
                 fields.path("role"), role);
  }

  /// What templates read beside role and content.
  void read_further_fields(Fields& fields, Message& message) const {
    json::object further;
    for (const char* name : {"name", "tool_call_id", "reasoning_content"}) {
      if (const auto text = fields.text(name)) further[name] = *text;
    }
    if (const json::array* calls = fields.list("tool_calls")) {
      further["tool_calls"] = template_calls(*calls);
    }
    fields.refuse("function_call", "it is no longer used: wanted tool_calls");
    fields.refuse("audio", "this server does not hear");
    fields.ignore("refusal");
    fields.ignore("annotations");
    if (!further.empty()) message.fields = json::serialize(further);
  }

  static json::array template_calls(json::array calls) {
    for (json::value& call : calls) {
      json::object* object = call.if_object();
      json::value* function = object ? object->if_contains("function") : nullptr;
      json::object* members = function ? function->if_object() : nullptr;
      json::value* arguments = members ? members->if_contains("arguments") : nullptr;
      if (arguments && arguments->is_string()) {
        *arguments = template_arguments(arguments->get_string());
      }
    }
    return calls;
  }

  void read_content(Fields& fields, Message& message) {
    const json::value* content = fields.find("content");
    if (!content) {
      // An assistant that only called tools has said nothing.
      if (message.role == "assistant") return;
      fields.need("content");
    }
    if (content->is_string()) {
      message.content.emplace_back(std::string(content->get_string()));
      return;
    }
    const json::array& parts = *fields.list("content");
    for (std::size_t i = 0; i < parts.size(); ++i) {
      read_part(
          Fields(parts[i], fmt::format("{}[{}]", fields.path("content"), i), fields.lenient()),
          message);
    }
  }

  void read_part(Fields fields, Message& message) {
    const std::string type = fields.need_text("type");
    if (type == "text") {
      message.content.emplace_back(fields.need_text("text"));
    } else if (type == "image_url") {
      message.content.emplace_back(pictures_.read_image_url(fields));
    } else {
      refuse_field(fields.path("type"), "{}: wanted text or image_url, found \"{}\"",
                   fields.path("type"), type);
    }
    fields.done();
  }

  MessagePictures pictures_;
  Request& request_;
};

}  // namespace

void read_chat_messages(Fields& fields, const ApiContext& context, Request& request) {
  fields.need("messages");
  const json::array& messages = *fields.list("messages");
  if (messages.empty()) refuse_field("messages", "messages: wanted at least one");
  MessageReader reader(context, request);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    reader.read(messages[i], fmt::format("messages[{}]", i), fields.lenient());
  }
  reader.finish();
}

}  // namespace saccade::server
