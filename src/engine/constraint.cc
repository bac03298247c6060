#include "engine/constraint.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace saccade::engine {

AnswerConstraint::AnswerConstraint(std::shared_ptr<const grammar::TokenMasks> masks,
                                   const text::Tokenizer& tokenizer, const Constraint& constraint,
                                   const Reasoning* reasoning)
    : masks_(std::move(masks)),
      tokenizer_(&tokenizer),
      after_(constraint.after),
      if_begins_(constraint.if_begins),
      opening_(constraint.opening),
      ends_answer_(constraint.after.empty() || constraint.ends_answer) {
  if (!if_begins_.empty() && !(after_.empty() && opening_.empty())) {
    fail_usage("constraint: wanted if_begins alone, or after and opening");
  }
  if (after_.empty() && constraint.ends_answer) fail_usage("constraint: ends_answer needs after");
  bits_.resize(masks_->vocabulary().mask_words());
  if (!after_.empty() || !if_begins_.empty()) return;
  if (reasoning) plan_reasoning(*reasoning);
  if (reasons_) return;
  matcher_.emplace(masks_);
  if (!constraint.opening.empty()) pending_ = tokenizer.encode(constraint.opening);
}

/// Of a constraint on the whole answer.
void AnswerConstraint::plan_reasoning(const Reasoning& reasoning) {
  const std::size_t end = reasoning.closing.find(reasoning.end);
  if (end == std::string::npos) {
    fail_usage("constraint: wanted a closing text of the reasoning with {} in it, found \"{}\"",
               reasoning.end, reasoning.closing);
  }
  reasoning_end_ = reasoning.end;
  opening_ = reasoning.closing.substr(end + reasoning.end.size()) + opening_;
  if (reasoning.open) {
    begin_reasoning();
  } else if (!reasoning.budget || *reasoning.budget > 0) {
    reasoning_begin_ = tokenizer_->encode(reasoning.begin);
    // Ordinary letters may be the answer's as well.
    const bool told = !reasoning_begin_.empty() &&
                      (reasoning_begin_.size() == 1 || tokenizer_->is_special(reasoning_begin_[0]));
    if (!told || std::cmp_greater_equal(reasoning_begin_[0], masks_->vocabulary().size())) {
      reasoning_begin_.clear();
    }
  }
}

void AnswerConstraint::begin_reasoning() {
  reasons_ = true;
  after_ = reasoning_end_;
  matcher_.reset();
  pending_.clear();
  if (!reasoning_begin_.empty())
    pending_.assign(reasoning_begin_.begin() + 1, reasoning_begin_.end());
}

std::span<const std::uint64_t> AnswerConstraint::mask() {
  const auto set = [&](std::int32_t token) {
    const auto id = static_cast<std::size_t>(token);
    bits_[id / 64] |= std::uint64_t{1} << (id % 64);
  };
  if (pending_.empty()) {
    matcher_->mask(bits_);
  } else {
    std::ranges::fill(bits_, 0);
    set(pending_.front());
  }
  if (!reasoning_begin_.empty()) set(reasoning_begin_.front());
  return bits_;
}

std::vector<std::int32_t> AnswerConstraint::take(std::int32_t id, bool skip_ahead) {
  std::vector<std::int32_t> tokens = {id};
  if (!reasoning_begin_.empty() && id == reasoning_begin_.front()) {
    begin_reasoning();
  } else if (!pending_.empty()) {
    if (id != pending_.front()) fail("token {} is not {}, which is next", id, pending_.front());
    pending_.erase(pending_.begin());
  } else if (!matcher_) {
    watch(id, tokens);
  } else if (!matcher_->accept(id)) {
    fail("token {} is not what the grammar allows: wanted {}", id, matcher_->expected());
  }
  reasoning_begin_.clear();  // it is the first token or none
  if (skip_ahead) {
    tokens.insert(tokens.end(), pending_.begin(), pending_.end());
    pending_.clear();
    if (matcher_ && !matcher_->ended()) {
      for (const std::int32_t forced : matcher_->forced_tokens()) {
        if (!matcher_->accept(forced)) break;
        tokens.push_back(forced);
      }
    }
  }
  // After its part the answer is free again.
  if (!ends_answer_ && matcher_ && matcher_->must_end()) matcher_.reset();
  return tokens;
}

/// Looks for `after` at the end of what was written, the token `id` being the last of it.
void AnswerConstraint::watch(std::int32_t id, std::vector<std::int32_t>& tokens) {
  if (after_.empty()) return watch_beginning(id, tokens);
  const std::string_view bytes = tokenizer_->token_bytes(id);
  const std::string text = seen_ + std::string(bytes);
  const std::size_t found = text.find(after_);
  if (found == std::string::npos) {
    seen_ = text.size() < after_.size() ? text : text.substr(text.size() - after_.size() + 1);
    return;
  }
  const std::size_t end = found + after_.size();
  open(std::string_view(text).substr(end), tokens, bytes.substr(0, end - seen_.size()));
  seen_.clear();
}

/// The grammar decides from here on. `rest` is what the last token has behind `after`, and `marker`
/// what it has up to there.
void AnswerConstraint::open(std::string_view rest, std::vector<std::int32_t>& tokens,
                            std::string_view marker) {
  reasons_ = false;
  matcher_.emplace(masks_);
  if (rest.starts_with(opening_) && matcher_->accept(rest.substr(opening_.size()))) return;
  // A token that goes on in a way that is not allowed: only its first bytes are taken.
  if (!opening_.starts_with(rest)) {
    tokens = tokenizer_->encode(marker);
    rest = {};
  }
  const std::string_view missing = std::string_view(opening_).substr(rest.size());
  if (!missing.empty()) pending_ = tokenizer_->encode(missing);
}

/// Compares what was written from the beginning on with if_begins_.
void AnswerConstraint::watch_beginning(std::int32_t id, std::vector<std::int32_t>& tokens) {
  if (if_begins_.empty() || tokenizer_->is_special(id)) return;
  const std::string_view bytes = tokenizer_->token_bytes(id);
  seen_ += bytes;
  seen_.erase(0, seen_.find_first_not_of(" \n"));
  if (if_begins_.starts_with(seen_) && seen_ != if_begins_) return;
  if (seen_.starts_with(if_begins_)) {
    matcher_.emplace(masks_);
    if (!matcher_->accept(seen_)) {
      // Likewise.
      const std::size_t excess = seen_.size() - if_begins_.size();
      tokens = tokenizer_->encode(bytes.substr(0, bytes.size() - excess));
      if (!matcher_->accept(if_begins_)) {
        fail("the grammar refuses {}, with which it was to begin", if_begins_);
      }
    }
  }
  if_begins_.clear();
}

}  // namespace saccade::engine
