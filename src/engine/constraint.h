// Answers that follow a grammar: as a whole, behind their reasoning, or after a text that they
// write.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/matcher.h"
#include "saccade/request.h"
#include "text/tokenizer.h"

namespace saccade::engine {

/// Follows one answer. Tokens that are not allowed are never taken, so a grammar cannot be left.
///
/// A constraint on the whole answer of a request with Request::reasoning holds from the first token
/// on, unless that begins the reasoning or the prompt did: then from its end on, where first comes
/// what Reasoning::closing has behind the mark, and the answer must not end before.
class AnswerConstraint {
 public:
  /// `masks` are of what `constraint` holds the answer to; `reasoning` may be null. Throws Error
  /// (usage) for fields that do not go together.
  AnswerConstraint(std::shared_ptr<const grammar::TokenMasks> masks,
                   const text::Tokenizer& tokenizer, const Constraint& constraint,
                   const Reasoning* reasoning = nullptr);

  /// Whether the next token is not free: the grammar decides on it, or it is told.
  bool active() const { return matcher_ || !pending_.empty(); }
  /// Whether the answer is in its reasoning, which must end before the grammar decides.
  bool reasons() const { return reasons_; }
  /// The tokens that may come next; only while it is active. Bit i % 64 of word i / 64 is token i.
  std::span<const std::uint64_t> mask();

  /// The next tokens of the answer, where `id` was chosen: mostly that one alone. Behind it come
  /// those that the grammar leaves no choice about, if `skip_ahead`; and in its place the rest of
  /// `after`, if it began what the grammar refuses.
  std::vector<std::int32_t> take(std::int32_t id, bool skip_ahead);
  /// The answer is complete: nothing can follow.
  bool must_end() const {
    return ends_answer_ && matcher_ && pending_.empty() && matcher_->must_end();
  }

 private:
  void watch(std::int32_t id, std::vector<std::int32_t>& tokens);
  void watch_beginning(std::int32_t id, std::vector<std::int32_t>& tokens);
  void open(std::string_view rest, std::vector<std::int32_t>& tokens, std::string_view marker);
  void plan_reasoning(const Reasoning& reasoning);
  void begin_reasoning();

  std::shared_ptr<const grammar::TokenMasks> masks_;
  const text::Tokenizer* tokenizer_;
  std::string after_;
  std::string if_begins_;  // empty once it is decided
  std::string opening_;
  bool ends_answer_;
  std::string seen_;  // the end of the free text, in which after_ may have begun
  std::optional<grammar::Matcher> matcher_;
  std::vector<std::int32_t> pending_;  // come first, before the grammar decides
  // With which the answer may begin to reason, in place of what the grammar allows; empty once it
  // has begun.
  std::vector<std::int32_t> reasoning_begin_;
  std::string reasoning_end_;  // the mark; what then comes first is in the opening
  bool reasons_ = false;
  std::vector<std::uint64_t> bits_;
};

}  // namespace saccade::engine
