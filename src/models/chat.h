// Chat templates as checkpoints carry them.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "models/processor.h"
#include "text/chat_template.h"

namespace saccade::models {

/// A checkpoint's chat template with the special tokens it may name.
class ChatFormat {
 public:
  /// Looks for chat_template.jinja, chat_template.json and the entry of tokenizer_config.json, in
  /// this order; where there is none, the template is `otherwise`. Throws Error when that is empty,
  /// too, or the template does not parse.
  explicit ChatFormat(const checkpoint::Checkpoint& checkpoint, std::string_view otherwise = {});
  /// A template without special tokens.
  explicit ChatFormat(text::ChatTemplate chat_template);

  /// The prompt of a conversation; `variables` beside it may be anything but messages. A message of
  /// one text is passed as a string if the template shows such strings, any other as a list of
  /// parts, as transformers' processors are given them.
  std::string render(const std::vector<ChatMessage>& messages,
                     const boost::json::object& variables) const;

  /// The prompt of messages as templates know them; `variables` (messages, tools, ...) come over
  /// the special tokens.
  std::string render(const boost::json::object& variables) const;

  /// The token that begins a text, as written; empty when tokenizer_config.json names none.
  std::string bos_token() const;

 private:
  text::ChatTemplate template_;
  boost::json::object special_tokens_;  // bos_token, eos_token, ...
  bool shows_strings_ = true;
};

}  // namespace saccade::models
