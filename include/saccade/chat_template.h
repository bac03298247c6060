// A model's chat template on its own.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "saccade/error.h"

namespace saccade {

/// What a chat template is given. JSON keeps the order of its keys.
struct TemplateInputs {
  /// A JSON array of messages as templates know them:
  /// [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}]
  std::string messages;
  std::string tools;  ///< a JSON array of tools; empty: none
  bool add_generation_prompt = true;
  /// Further variables, each a name and a JSON value; they may replace any of the others.
  std::vector<std::pair<std::string, std::string>> variables;
};

/// Turns messages into the text that a model reads, with what a publisher ships for that: a Jinja
/// template. Renders what transformers' apply_chat_template(tokenize=False) does. Immutable:
/// threads may share one.
class ChatTemplate {
 public:
  /// The template of a model, with its special tokens as variables. `model` is what Engine::load
  /// takes; no weights are read. Throws Error.
  static ChatTemplate load(const std::string& model);
  /// The template in a file, without any special tokens. Throws Error.
  static ChatTemplate read(const std::string& path);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// Throws Error for what is not JSON and, in one line, for what the template refuses.
  std::string render(const TemplateInputs& inputs) const;

 private:
  class Impl;
  explicit ChatTemplate(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace saccade
