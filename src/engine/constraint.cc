#include "engine/constraint.h"

#include "base/error.h"

namespace saccade::engine {

AnswerConstraint::AnswerConstraint(std::shared_ptr<const grammar::TokenMasks> masks,
                                   const text::Tokenizer& tokenizer, std::string after)
    : masks_(std::move(masks)), tokenizer_(&tokenizer), after_(std::move(after)) {
  if (after_.empty()) matcher_.emplace(masks_);
  bits_.resize(masks_->vocabulary().mask_words());
}

std::span<const std::uint64_t> AnswerConstraint::mask() {
  matcher_->mask(bits_);
  return bits_;
}

std::vector<std::int32_t> AnswerConstraint::take(std::int32_t id, bool skip_ahead) {
  std::vector<std::int32_t> tokens = {id};
  if (!matcher_) {
    watch(id, tokens);
  } else if (!matcher_->accept(id)) {
    fail("token {} is not what the grammar allows: wanted {}", id, matcher_->expected());
  }
  if (skip_ahead && matcher_ && !matcher_->ended()) {
    for (const std::int32_t forced : matcher_->forced_tokens()) {
      if (!matcher_->accept(forced)) break;
      tokens.push_back(forced);
    }
  }
  // After its part the answer is free again.
  if (!after_.empty() && matcher_ && matcher_->must_end()) matcher_.reset();
  return tokens;
}

/// Looks for `after` at the end of what was written, the token `id` being the last of it.
void AnswerConstraint::watch(std::int32_t id, std::vector<std::int32_t>& tokens) {
  const std::string_view bytes = tokenizer_->token_bytes(id);
  const std::string text = seen_ + std::string(bytes);
  const std::size_t found = text.find(after_);
  if (found == std::string::npos) {
    seen_ = text.size() < after_.size() ? text : text.substr(text.size() - after_.size() + 1);
    return;
  }
  grammar::Matcher matcher(masks_);
  const std::size_t end = found + after_.size();
  if (!matcher.accept(std::string_view(text).substr(end))) {
    // The token goes on in a way that is not allowed: only its first bytes are taken.
    tokens = tokenizer_->encode(bytes.substr(0, end - seen_.size()));
  }
  seen_.clear();
  matcher_ = std::move(matcher);
}

}  // namespace saccade::engine
