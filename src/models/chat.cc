#include "models/chat.h"

#include "base/error.h"
#include "base/json.h"

namespace saccade::models {
namespace {

/// The template in a value that is a string or a list of named templates, of which "default"
/// counts.
std::string template_text(const boost::json::value& value, const std::string& where) {
  if (value.is_string()) return std::string(value.get_string());
  if (const boost::json::array* list = value.if_array()) {
    for (const boost::json::value& item : *list) {
      const JsonObject entry(item, where + ": chat_template");
      if (entry.string("name") == "default") return entry.string("template");
    }
  }
  fail("{}: chat_template is neither a string nor a list with a \"default\"", where);
}

text::ChatTemplate load_template(const checkpoint::Checkpoint& checkpoint,
                                 std::string_view otherwise) {
  if (const auto text = checkpoint.optional_text("chat_template.jinja")) {
    return text::ChatTemplate::parse(*text, checkpoint.where("chat_template.jinja"));
  }
  for (const char* name : {"chat_template.json", "tokenizer_config.json"}) {
    const auto document = checkpoint.optional_json(name);
    if (!document) continue;
    const std::string where = checkpoint.where(name);
    if (const auto* found = JsonObject(*document, where).find("chat_template")) {
      return text::ChatTemplate::parse(template_text(*found, where), where + ": chat_template");
    }
  }
  if (!otherwise.empty()) {
    return text::ChatTemplate::parse(otherwise, "the template of this family");
  }
  fail(
      "{}: no chat template: neither chat_template.jinja, chat_template.json nor an entry of "
      "tokenizer_config.json",
      checkpoint.where());
}

/// The special tokens of tokenizer_config.json that templates refer to; each is a string or an
/// object with its content.
boost::json::object load_special_tokens(const checkpoint::Checkpoint& checkpoint) {
  boost::json::object tokens;
  const auto document = checkpoint.optional_json("tokenizer_config.json");
  if (!document) return tokens;
  const JsonObject config(*document, checkpoint.where("tokenizer_config.json"));
  for (const char* name : {"bos_token", "eos_token", "pad_token", "unk_token"}) {
    const boost::json::value* value = config.find(name);
    if (!value) continue;
    if (const boost::json::object* object = value->if_object()) {
      if (const boost::json::value* content = object->if_contains("content")) {
        tokens[name] = *content;
      }
    } else if (value->is_string()) {
      tokens[name] = *value;
    }
  }
  return tokens;
}

/// `strings`: a message of one text may be a string.
boost::json::value content_value(const ChatMessage& message, bool strings) {
  if (strings && message.content.size() == 1 && message.content[0].image < 0) {
    return boost::json::value(message.content[0].text);
  }
  if (strings && message.content.empty()) return "";
  boost::json::array parts;
  for (const ContentPart& part : message.content) {
    if (part.image >= 0) {
      parts.push_back(boost::json::object{{"type", "image"}});
    } else {
      parts.push_back(boost::json::object{{"type", "text"}, {"text", part.text}});
    }
  }
  return parts;
}

}  // namespace

ChatFormat::ChatFormat(text::ChatTemplate chat_template) : template_(std::move(chat_template)) {}

ChatFormat::ChatFormat(const checkpoint::Checkpoint& checkpoint, std::string_view otherwise)
    : template_(load_template(checkpoint, otherwise)),
      special_tokens_(load_special_tokens(checkpoint)) {
  // Templates of vision-language models often go through the parts of a message alone, and what is
  // a string would silently be left out: try it.
  const std::string text = "saccade";
  const std::vector<ChatMessage> messages = {{"user", {{text, -1}}}};
  const auto shows = [&] {
    try {
      return render(messages, {{"add_generation_prompt", true}}).find(text) != std::string::npos;
    } catch (const Error&) {
      return false;
    }
  };
  shows_strings_ = shows();
  if (shows_strings_) return;
  // A template that shows neither has its own reasons, such as a role that must come first.
  shows_strings_ = !shows();
}

std::string ChatFormat::bos_token() const {
  const boost::json::value* token = special_tokens_.if_contains("bos_token");
  return token && token->is_string() ? std::string(token->get_string()) : std::string();
}

std::string ChatFormat::render(const std::vector<ChatMessage>& messages,
                               const boost::json::object& variables) const {
  boost::json::array list;
  for (const ChatMessage& message : messages) {
    boost::json::object item{{"role", message.role},
                             {"content", content_value(message, shows_strings_)}};
    for (const auto& [name, value] : message.fields) item[name] = value;
    list.push_back(std::move(item));
  }
  boost::json::object all = variables;
  all["messages"] = std::move(list);
  return render(all);
}

std::string ChatFormat::render(const boost::json::object& variables) const {
  boost::json::object context = special_tokens_;
  // transformers passes these always, so a template sees None rather than an undefined name.
  context["tools"] = nullptr;
  context["documents"] = nullptr;
  for (const auto& [name, value] : variables) context[name] = value;
  return template_.render(context);
}

}  // namespace saccade::models
