#include "engine/reasoning_watch.h"

#include "base/error.h"

namespace saccade::engine {

ReasoningWatch::ReasoningWatch(const Reasoning& reasoning, const text::Tokenizer& tokenizer)
    : reasoning_(reasoning),
      tokenizer_(&tokenizer),
      state_(reasoning.open ? State::kInside : State::kBefore) {
  if (reasoning.end.empty() || (reasoning.begin.empty() && !reasoning.open)) {
    fail_usage("reasoning: wanted the texts that it begins and ends with");
  }
  const bool closes = reasoning.closing.find(reasoning.end) != std::string::npos;
  if (closes) closing_ = tokenizer.encode(reasoning.closing);
  if (!reasoning.budget) return;
  const std::int64_t least = reasoning.open ? 1 : 0;
  if (*reasoning.budget < least) {
    fail_usage("reasoning: wanted a budget of {} tokens or more, found {}", least,
               *reasoning.budget);
  }
  if (!closes) {
    fail_usage("reasoning: wanted a closing text with {} in it, found \"{}\"", reasoning.end,
               reasoning.closing);
  }
}

bool ReasoningWatch::add(std::int32_t id) {
  if (state_ == State::kBefore) {
    look_for_begin(id);
  } else if (state_ == State::kInside) {
    seen_ += tokenizer_->token_bytes(id);
    if (seen_.find(reasoning_.end) == std::string::npos) {
      ++tokens_;
      const std::size_t keep = reasoning_.end.size() - 1;
      if (seen_.size() > keep) seen_.erase(0, seen_.size() - keep);
    } else {
      stop();
    }
  }
  if (state_ != State::kInside || !reasoning_.budget || tokens_ < *reasoning_.budget) return false;
  // What follows is no reasoning any more, also where its end takes several tokens.
  stop();
  return true;
}

/// White space and special tokens may stand before it.
void ReasoningWatch::look_for_begin(std::int32_t id) {
  std::string text = seen_ + std::string(tokenizer_->token_bytes(id));
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  if (text.starts_with(reasoning_.begin)) {
    state_ = State::kInside;
    seen_.clear();
  } else if (reasoning_.begin.starts_with(text)) {
    seen_ = std::move(text);
  } else if (!tokenizer_->is_special(id)) {
    stop();
  }
}

}  // namespace saccade::engine
