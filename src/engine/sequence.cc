#include "engine/sequence.h"

#include <algorithm>
#include <utility>

namespace saccade::engine {
namespace {

constexpr std::int64_t kExpectedTokens = 4096;
constexpr std::int64_t kBytesPerToken = 16;  // about 4 in English

}  // namespace

Sequence::Sequence(SequenceInput input, const text::Tokenizer& tokenizer, KvPool& pool)
    : input_(std::move(input)),
      pool_(pool),
      detokenizer_(tokenizer, true),
      stop_matcher_(input_.stop) {
  // So that steps take no new memory while the answer is no longer than most are.
  const std::int64_t expected = std::clamp<std::int64_t>(input_.max_tokens, 0, kExpectedTokens);
  generated_.reserve(expected);
  text_.reserve(expected * kBytesPerToken);
  pages_.reserve((prompt_tokens() + expected) / pool_.page_tokens() + 1);
  if (input_.max_tokens <= 0) finish(FinishReason::kLength);
}

Sequence::~Sequence() {
  for (const std::int32_t page : pages_) pool_.release(page);
}

std::int64_t Sequence::known() const {
  return prompt_tokens() + static_cast<std::int64_t>(generated_.size());
}

std::int32_t Sequence::token(std::int64_t index) const {
  return index < prompt_tokens() ? input_.prompt.token_ids[index]
                                 : generated_[index - prompt_tokens()];
}

std::int32_t Sequence::position(int axis, std::int64_t index) const {
  if (index < prompt_tokens()) return input_.prompt.positions[axis * prompt_tokens() + index];
  return input_.prompt.next_position + static_cast<std::int32_t>(index - prompt_tokens());
}

bool Sequence::reserve(std::int64_t tokens) {
  const std::int64_t wanted = (tokens + pool_.page_tokens() - 1) / pool_.page_tokens();
  while (static_cast<std::int64_t>(pages_.size()) < wanted) {
    const std::int32_t page = pool_.take();
    if (page < 0) return false;
    pages_.push_back(page);
  }
  return true;
}

void Sequence::accept(std::int32_t id, std::span<const float> logits) {
  if (forced() && id >= 0) id = input_.forced[generated_.size()];
  if (id < 0) {
    fail_with("the model computed values that are not numbers; its weights are damaged");
    return;
  }
  if (generated_.empty()) first_token_time_ = Clock::now();
  if (on_logits) on_logits(logits);
  generated_.push_back(id);
  if (input_.logprobs) logprobs_.push_back(logprobs_of(logits, id, *input_.logprobs));
  const auto& ends = input_.end_tokens;
  if (std::find(ends.begin(), ends.end(), id) != ends.end()) {
    finish(FinishReason::kStop);
    return;
  }
  emit(stop_matcher_.add(detokenizer_.add(id)));
  if (stop_matcher_.matched()) {
    finish(FinishReason::kStop);
  } else if (static_cast<std::int64_t>(generated_.size()) >= input_.max_tokens) {
    finish(FinishReason::kLength);
  }
}

void Sequence::finish(FinishReason reason) {
  if (finished()) return;
  if (!stop_matcher_.matched()) {
    std::string rest = stop_matcher_.add(detokenizer_.finish());
    rest += stop_matcher_.finish();
    emit(rest);
  }
  finish_reason_ = reason;
}

void Sequence::emit(const std::string& text) {
  if (text.empty()) return;
  text_ += text;
  if (on_text) on_text(text);
}

Result Sequence::take_result() {
  Result result;
  result.text = std::move(text_);
  result.token_ids = std::move(generated_);
  result.finish_reason = finish_reason_.value_or(FinishReason::kCancelled);
  result.logprobs = std::move(logprobs_);
  result.usage.prompt_tokens = prompt_tokens();
  for (const models::MediaSpan& span : input_.prompt.media) result.usage.image_tokens += span.count;
  result.usage.completion_tokens = static_cast<std::int64_t>(result.token_ids.size());
  return result;
}

}  // namespace saccade::engine
