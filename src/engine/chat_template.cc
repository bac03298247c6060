#include "saccade/chat_template.h"

#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "models/chat.h"

namespace saccade {
namespace {

namespace json = boost::json;

json::value parse_list(const std::string& text, const std::string& what) {
  json::value list = parse_json(text, what);
  if (!list.is_array()) fail("{}: wanted a JSON array", what);
  return list;
}

}  // namespace

class ChatTemplate::Impl {
 public:
  explicit Impl(models::ChatFormat format) : format_(std::move(format)) {}

  std::string render(const json::object& variables) const { return format_.render(variables); }

 private:
  models::ChatFormat format_;
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

ChatTemplate ChatTemplate::load(const std::string& model) {
  const checkpoint::Checkpoint checkpoint(checkpoint::resolve_model(model));
  return ChatTemplate(std::make_unique<const Impl>(models::ChatFormat(checkpoint)));
}

ChatTemplate ChatTemplate::read(const std::string& path) {
  return ChatTemplate(std::make_unique<const Impl>(
      models::ChatFormat(text::ChatTemplate::parse(read_text_file(path), path))));
}

std::string ChatTemplate::render(const TemplateInputs& inputs) const {
  json::object variables;
  variables["messages"] = parse_list(inputs.messages, "messages");
  if (!inputs.tools.empty()) variables["tools"] = parse_list(inputs.tools, "tools");
  variables["add_generation_prompt"] = inputs.add_generation_prompt;
  for (const auto& [name, value] : inputs.variables) {
    variables[name] = parse_json(value, "the variable " + name);
  }
  return impl_->render(variables);
}

}  // namespace saccade
