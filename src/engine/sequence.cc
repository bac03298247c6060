#include "engine/sequence.h"

#include <algorithm>
#include <utility>

#include "engine/token_contents.h"

namespace saccade::engine {
namespace {

constexpr std::int64_t kExpectedTokens = 4096;
constexpr std::int64_t kBytesPerToken = 16;  // about 4 in English

}  // namespace

Sequence::Sequence(SequenceInput input, const text::Tokenizer& tokenizer, KvPool& pool,
                   PrefixCache* cache)
    : input_(std::move(input)),
      detokenizer_(tokenizer, true, input_.visible_tokens),
      stop_matcher_(input_.stop),
      pages_(pool, cache) {
  // So that steps take no new memory while the answer is no longer than most are.
  const std::int64_t expected = std::clamp<std::int64_t>(input_.max_tokens, 0, kExpectedTokens);
  generated_.reserve(expected);
  text_.reserve(expected * kBytesPerToken);
  pages_.expect(prompt_tokens() + expected);
  contents_ = std::move(input_.contents);
  if (cache && contents_.empty()) contents_ = token_contents(input_.prompt, input_.pictures);
  if (input_.max_tokens <= 0) finish(FinishReason::kLength);
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

std::int64_t Sequence::ready_tokens() const {
  for (const models::MediaSpan& span : input_.prompt.media) {
    const bool needed = span.begin + span.count > computed_;
    if (!needed || input_.pictures[span.image]->embeddings) continue;
    // Tokens that see the picture before it comes wait with it.
    for (const models::TokenRun& run : input_.prompt.mutual) {
      if (run.begin < span.begin && span.begin < run.begin + run.count) return run.begin;
    }
    return span.begin;
  }
  return known();
}

std::string Sequence::picture_error() const {
  for (const auto& picture : input_.pictures) {
    if (!picture->error.empty() && ready_tokens() < known()) return picture->error;
  }
  return {};
}

std::span<const Digest> Sequence::contents() {
  if (!pages_.cached()) return {};
  for (std::int64_t i = std::ssize(contents_); i < known(); ++i) {
    contents_.push_back(answer_content(token(i), position(0, i), input_.prompt.axes));
  }
  return contents_;
}

std::optional<Digest> Sequence::next_page_key() const {
  const std::int64_t begin = pages_.shared_tokens();
  const std::int64_t end = begin + pages_.page_tokens();
  if (!pages_.cached() || computed_ != begin || end > prompt_tokens()) return std::nullopt;
  return PrefixCache::key_of(pages_.last_shared(),
                             std::span(contents_).subspan(begin, pages_.page_tokens()));
}

void Sequence::adopt_prefix(compute::Device& device, compute::StateStore* states) {
  if (!pages_.cached() || computed_ != pages_.shared_tokens()) return;
  const PrefixCache::Match match = pages_.match(contents().first(known() - 1));
  // What an encoder makes of its tokens is not kept, but for the decoder's pages of it.
  if (match.tokens == 0 || computed_ + match.tokens < input_.prompt.encoder_tokens) return;
  const std::int64_t adopted = pages_.adopt(match, device);
  if (states && adopted < match.tokens) {
    // Of a state there is none but that after all of them.
    begin_anew();
    return;
  }
  if (states) device.copy_state(*states, match.state_slot, state_slot);
  computed_ += adopted;
  // What it had computed itself before it was set back was not spared.
  if (!was_set_back_) cached_tokens_ += adopted;
}

PrefixCache::Node* Sequence::share(bool tail) {
  if (!pages_.cached()) return nullptr;
  if (tail) return pages_.share_tail(contents(), computed_);
  pages_.share(contents(), computed_);
  return nullptr;
}

std::vector<Digest> Sequence::page_keys() const {
  std::vector<Digest> keys;
  std::optional<Digest> key = next_page_key();
  const std::int64_t page_tokens = pages_.page_tokens();
  std::int64_t end = pages_.shared_tokens() + page_tokens;
  while (key) {
    keys.push_back(*key);
    key.reset();
    if (end + page_tokens <= prompt_tokens()) {
      key = PrefixCache::key_of(keys.back(), std::span(contents_).subspan(end, page_tokens));
    }
    end += page_tokens;
  }
  return keys;
}

void Sequence::begin_anew() {
  pages_.clear();
  pooled_.clear();
  computed_ = 0;
  if (!was_set_back_) cached_tokens_ = 0;
}

void Sequence::set_back() {
  share(false);
  was_set_back_ = was_set_back_ || computed_ > 0;
  begin_anew();
  admitted = false;
}

void Sequence::accept(std::int32_t id, std::span<const float> logits) {
  if (forced() && id >= 0) id = input_.forced[generated_.size()];
  if (id < 0) {
    fail_with("the model computed values that are not numbers; its weights are damaged");
    return;
  }
  if (generated_.empty()) first_token_time_ = Clock::now();
  const auto next_owed = [&] {
    const std::int32_t owed = owed_.front();
    owed_.erase(owed_.begin());
    return owed;
  };
  if (owed_.empty() && ends_too_early(id)) {
    input_.reasoning->stop();
    owed_ = input_.reasoning->closing();
  }
  if (!owed_.empty()) id = next_owed();
  if (on_logits) on_logits(logits);
  if (input_.logprobs) logprobs_.push_back(logprobs_of(logits, id, *input_.logprobs));
  try {
    take(id);
    // Whoever wants to see logits wants those of each token.
    while (!owed_.empty() && !finished() && !wants_logits()) take(next_owed());
  } catch (const Error& error) {
    fail_with(error.what());
  }
}

std::int64_t Sequence::pooled_tokens(std::int64_t begin, std::int64_t count) const {
  if (wanted_embedding() == Embedding::kMean) return count;
  return wanted_embedding() == Embedding::kLastToken && begin + count == known() ? 1 : 0;
}

void Sequence::pool(std::span<const float> rows, std::int64_t width, std::int64_t stride,
                    bool last) {
  pooled_.add(rows, width, stride);
  if (!last) return;
  try {
    embedding_ = pooled_.finish();
    first_token_time_ = Clock::now();
    finish(FinishReason::kStop);
  } catch (const Error& error) {
    fail_with(error.what());
  }
}

bool Sequence::is_end(std::int32_t id) const {
  return std::ranges::find(input_.end_tokens, id) != input_.end_tokens.end();
}

/// Whether a token would end the answer inside of reasoning, before what it must be has begun.
bool Sequence::ends_too_early(std::int32_t id) const {
  return is_end(id) && input_.constraint && input_.constraint->reasons();
}

/// Goes on with a token and with what it brings along.
void Sequence::take(std::int32_t id) {
  if (!input_.constraint) return append(id);
  const std::vector<std::int32_t> tokens = input_.constraint->take(id, !wants_logits());
  if (input_.constraint->active() && !input_.constraint->reasons()) {
    if (input_.reasoning) input_.reasoning->stop();
    owed_.clear();  // what is behind the end of reasoning is the constraint's to say
  }
  for (const std::int32_t taken : tokens) {
    if (!finished()) append(taken);
  }
  if (!finished() && input_.constraint->must_end()) finish(FinishReason::kStop);
}

/// Puts a token behind the answer.
void Sequence::append(std::int32_t id) {
  generated_.push_back(id);
  input_.edits.note(id);
  if (is_end(id)) {
    finish(FinishReason::kStop);
    return;
  }
  if (input_.reasoning && input_.reasoning->add(id)) owed_ = input_.reasoning->closing();
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
  result.stop_text = stop_matcher_.matched_text();
  result.logprobs = std::move(logprobs_);
  result.usage.prompt_tokens = prompt_tokens();
  for (const models::MediaSpan& span : input_.prompt.media) result.usage.image_tokens += span.count;
  if (wanted_embedding() == Embedding::kPicture) {
    result.usage.prompt_tokens = result.usage.image_tokens = pooled_.rows();
  }
  result.embedding = std::move(embedding_);
  // What a grammar forced may have been in the cache as well.
  result.usage.cached_tokens = std::min(cached_tokens_, prompt_tokens());
  result.timings.media_ms = input_.media_ms;
  for (const auto& picture : input_.pictures) {
    // Neither was it wanted when its tokens were in the cache.
    if (!picture->wanted || picture->from_cache) ++result.usage.cached_images;
    result.timings.vision_ms += picture->vision_ms;
  }
  result.usage.completion_tokens = static_cast<std::int64_t>(result.token_ids.size());
  if (input_.reasoning) result.usage.reasoning_tokens = input_.reasoning->tokens();
  return result;
}

}  // namespace saccade::engine
