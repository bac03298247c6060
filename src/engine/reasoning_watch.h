// Where an answer reasons, and when that must end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "saccade/request.h"
#include "text/tokenizer.h"

namespace saccade::engine {

/// Follows one answer, token by token.
class ReasoningWatch {
 public:
  /// Throws Error (usage) for a budget or markers that cannot be.
  ReasoningWatch(const Reasoning& reasoning, const text::Tokenizer& tokenizer);

  /// Takes the next token; true when the budget is spent with it, so that closing() must follow.
  bool add(std::int32_t id);
  /// The tokens that end reasoning which does not end by itself.
  const std::vector<std::int32_t>& closing() const { return closing_; }
  /// The answer does not reason from here on.
  void stop() { state_ = State::kOver; }
  /// Whether a budget may still be spent.
  bool limits() const { return reasoning_.budget && state_ != State::kOver; }
  /// Tokens of reasoning so far, those of its marks aside.
  std::int64_t tokens() const { return tokens_; }

 private:
  enum class State { kBefore, kInside, kOver };
  void look_for_begin(std::int32_t id);

  Reasoning reasoning_;
  const text::Tokenizer* tokenizer_;
  std::vector<std::int32_t> closing_;
  State state_;
  std::string seen_;  // of the mark that may have begun
  std::int64_t tokens_ = 0;
};

}  // namespace saccade::engine
