#include "cli/conversation.h"

#include <utility>

#include "cli/prompt.h"

namespace saccade::cli {

void Conversation::set_system(const std::string& text) {
  system_ = text.empty() ? std::nullopt : std::optional(text);
}

void Conversation::reset() {
  turns_.clear();
  waiting_.clear();
}

void Conversation::ask(const std::string& text) {
  turns_.push_back(user_message(std::exchange(waiting_, {}), text));
}

void Conversation::answer(const std::string& text) {
  turns_.push_back(text_message("assistant", text));
}

void Conversation::take_back() {
  turns_.pop_back();
}

std::vector<Message> Conversation::messages() const {
  std::vector<Message> messages;
  if (system_) messages.push_back(text_message("system", *system_));
  messages.insert(messages.end(), turns_.begin(), turns_.end());
  return messages;
}

}  // namespace saccade::cli
