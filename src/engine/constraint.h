// Answers that follow a grammar, as a whole or after a text that they write.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "grammar/matcher.h"
#include "text/tokenizer.h"

namespace saccade::engine {

/// Follows one answer. Tokens that are not allowed are never taken, so a grammar cannot be left.
class AnswerConstraint {
 public:
  /// `after`: see Constraint.
  AnswerConstraint(std::shared_ptr<const grammar::TokenMasks> masks,
                   const text::Tokenizer& tokenizer, std::string after);

  /// Whether the grammar decides on the next token.
  bool active() const { return matcher_.has_value(); }
  /// The tokens that may come next; only while it is active. Bit i % 64 of word i / 64 is token i.
  std::span<const std::uint64_t> mask();

  /// The next tokens of the answer, where `id` was chosen: mostly that one alone. Behind it come
  /// those that the grammar leaves no choice about, if `skip_ahead`; and in its place the rest of
  /// `after`, if it began what the grammar refuses.
  std::vector<std::int32_t> take(std::int32_t id, bool skip_ahead);
  /// The grammar is of the whole answer, which is complete: nothing can follow.
  bool must_end() const { return after_.empty() && matcher_ && matcher_->must_end(); }

 private:
  void watch(std::int32_t id, std::vector<std::int32_t>& tokens);

  std::shared_ptr<const grammar::TokenMasks> masks_;
  const text::Tokenizer* tokenizer_;
  std::string after_;
  std::string seen_;  // the end of the free text, in which after_ may have begun
  std::optional<grammar::Matcher> matcher_;
  std::vector<std::uint64_t> bits_;
};

}  // namespace saccade::engine
