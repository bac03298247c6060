// One request on its way through the engine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/clock.h"
#include "engine/constraint.h"
#include "engine/logit_edits.h"
#include "engine/picture.h"
#include "engine/pooled.h"
#include "engine/reasoning_watch.h"
#include "engine/sampler.h"
#include "engine/sequence_pages.h"
#include "engine/stop_matcher.h"
#include "engine/stored_prefix.h"
#include "models/processor.h"
#include "saccade/request.h"
#include "text/detokenizer.h"

namespace saccade::engine {

/// What a sequence is made from, settled before it meets the scheduler.
struct SequenceInput {
  models::Prompt prompt;
  std::vector<std::shared_ptr<Picture>> pictures;  ///< of the request, in its order
  std::vector<Digest> contents;  ///< token_contents of the prompt; empty: not known yet
  StoredPrefix stored;           ///< what a disk had of it
  SamplingParams sampling;
  LogitEdits edits;
  std::optional<AnswerConstraint> constraint;
  std::optional<ReasoningWatch> reasoning;
  std::uint64_t seed = 0;
  std::int64_t max_tokens = 0;
  std::vector<std::string> stop;
  std::vector<std::int32_t> end_tokens;
  std::vector<std::int32_t> visible_tokens;  ///< special ones that are in the text
  std::optional<int> logprobs;
  /// The answer, where it is given and not chosen; max_tokens is its length then.
  std::vector<std::int32_t> forced;
  std::optional<Embedding> embedding;  ///< in place of an answer
  int priority = 0;                    ///< higher ones get their turn first
  double media_ms = 0.0;               ///< that decoding and cutting pictures took
};

/// Tokens, pages and answer of one request. Owned by the caller, advanced by the scheduler.
class Sequence {
 public:
  /// With a `cache` it begins with what is there of its prompt, and leaves there what it computed.
  Sequence(SequenceInput input, const text::Tokenizer& tokenizer, KvPool& pool,
           PrefixCache* cache = nullptr);
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  /// Receives each piece of text as it becomes certain.
  std::function<void(const std::string&)> on_text;
  /// Receives the logits of each token of the answer, as the model gave them.
  std::function<void(std::span<const float>)> on_logits;

  /// Hears of every part of its prompt that a step has computed: when the step began, and how many
  /// tokens.
  std::function<void(Clock::time_point, std::int64_t)> on_prefill;

  /// Of the sampler that chooses this sequence's tokens; the scheduler's.
  int slot = -1;
  /// Of its recurrent state, where the model has some; the scheduler's.
  int state_slot = -1;
  /// Takes part in steps; the scheduler's.
  bool admitted = false;
  /// When it was first.
  Clock::time_point admitted_time{};
  /// Its place among those of the same priority; the scheduler's.
  std::int64_t arrival = 0;

  const models::Prompt& prompt() const { return input_.prompt; }
  std::int64_t prompt_tokens() const {
    return static_cast<std::int64_t>(input_.prompt.token_ids.size());
  }
  /// Tokens whose keys and values are stored.
  std::int64_t computed() const { return computed_; }
  /// Tokens known: prompt and answer so far.
  std::int64_t known() const;
  /// More than the last token is still to be computed.
  bool prefilling() const { return computed_ + 1 < known() || generated_.empty(); }
  bool finished() const { return finish_reason_.has_value() || !error_.empty(); }
  const std::string& error() const { return error_; }

  std::int32_t token(std::int64_t index) const;
  /// Position of a token on one axis.
  std::int32_t position(int axis, std::int64_t index) const;
  const Tensor& embedding(int image) const { return *input_.pictures[image]->embeddings; }
  std::span<const std::shared_ptr<Picture>> pictures() const { return input_.pictures; }
  /// What a disk had of the prompt; the second time there is nothing.
  StoredPrefix take_stored() { return std::exchange(input_.stored, {}); }
  /// Tokens that can be computed: those before the first picture that is not there yet.
  std::int64_t ready_tokens() const;
  /// Why a picture that is needed will not come; empty: all is well.
  std::string picture_error() const;
  int priority() const { return input_.priority; }
  const SamplingParams& sampling() const { return input_.sampling; }
  std::uint64_t seed() const { return input_.seed; }
  /// The answer is given: its tokens are not chosen.
  bool forced() const { return !input_.forced.empty(); }
  /// Somebody looks at the logits of each token.
  bool wants_logits() const { return on_logits || input_.logprobs; }
  /// What it gives in place of an answer; nothing: it answers.
  std::optional<Embedding> wanted_embedding() const { return input_.embedding; }
  /// Of `count` tokens from `begin` on, those whose hidden states it pools: the last so many.
  std::int64_t pooled_tokens(std::int64_t begin, std::int64_t count) const;
  /// Takes rows of `stride` values, of which the first `width` are pooled. `last`: there are no
  /// more, and it has ended with them.
  void pool(std::span<const float> rows, std::int64_t width, std::int64_t stride, bool last);
  const LogitEdits& edits() const { return input_.edits; }
  /// Each token must be known before the next one is computed.
  bool step_by_step() const {
    return wants_logits() || forced() || input_.edits.any() || input_.constraint ||
           (input_.reasoning && input_.reasoning->limits());
  }
  /// Of the next token, where a grammar decides on it; see AnswerConstraint::mask.
  bool constrained() const { return input_.constraint && input_.constraint->active(); }
  std::span<const std::uint64_t> mask() { return input_.constraint->mask(); }
  /// Tokens that the answer may still get.
  std::int64_t remaining() const {
    return input_.max_tokens - static_cast<std::int64_t>(generated_.size());
  }
  std::span<const std::int32_t> pages() const { return pages_.pages(); }

  /// Makes room for `tokens` tokens in all; false when the pool has no page left.
  bool reserve(std::int64_t tokens) { return pages_.reserve(tokens); }
  /// Goes on with what the cache has of its next tokens; `states`: where the model has some. All
  /// but one token at most, since the last one's logits are needed.
  void adopt_prefix(compute::Device& device, compute::StateStore* states);
  /// The next prompt tokens fill a page: its key in the cache. Nothing where there is no cache, or
  /// it has begun with the page already.
  std::optional<Digest> next_page_key() const;
  /// The keys of all pages that the rest of the prompt fills.
  std::vector<Digest> page_keys() const;
  /// The node of the page that ends with the last token computed, if one does.
  PrefixCache::Node* shared_end() const {
    return computed_ == pages_.shared_tokens() ? pages_.last_shared() : nullptr;
  }
  /// Leaves in the cache the pages that are full; `tail`: and what the last one holds, whose node
  /// is returned when it is new there.
  PrefixCache::Node* share(bool tail);
  /// Gives its pages back: it has ended.
  void give_back() { pages_.clear(); }
  /// Gives its pages back and begins again with the first token.
  void begin_anew();
  /// The same for one that was admitted; what it has computed is left in the cache.
  void set_back();
  /// Prompt tokens that were in the cache.
  std::int64_t cached_tokens() const { return cached_tokens_; }
  /// The next `count` tokens have been computed.
  void advance(std::int64_t count) { computed_ += count; }
  /// Takes the next token, or the one that is forced instead, and its text. `id` is -1 when there
  /// is none because logits were not finite; logits [vocab_size] are given where they are wanted.
  void accept(std::int32_t id, std::span<const float> logits = {});
  void cancel() { finish(FinishReason::kCancelled); }
  void fail_with(std::string error) { error_ = std::move(error); }
  bool failed() const { return !error_.empty(); }

  /// One for each token of the answer so far, when they were asked for.
  std::span<const GeneratedLogprob> logprobs() const { return logprobs_; }
  /// When its first token, or its embedding, was there; nothing has come of it: the epoch.
  Clock::time_point first_token_time() const { return first_token_time_; }
  /// The answer; timings are the caller's to fill in.
  Result take_result();

 private:
  void finish(FinishReason reason);
  bool is_end(std::int32_t id) const;
  bool ends_too_early(std::int32_t id) const;
  void take(std::int32_t id);
  void append(std::int32_t id);
  void emit(const std::string& text);

  SequenceInput input_;
  /// token_contents of all known tokens.
  std::span<const Digest> contents();
  text::StreamingDetokenizer detokenizer_;
  StopMatcher stop_matcher_;
  SequencePages pages_;
  std::vector<Digest> contents_;  // of the prompt, and of so much of the answer as was asked for
  std::vector<std::int32_t> generated_;
  std::vector<std::int32_t> owed_;  // end its reasoning and come next, whatever is chosen
  std::vector<GeneratedLogprob> logprobs_;
  Pooled pooled_;
  std::vector<float> embedding_;
  std::string text_;
  std::int64_t computed_ = 0;
  std::int64_t cached_tokens_ = 0;
  bool was_set_back_ = false;
  std::optional<FinishReason> finish_reason_;
  std::string error_;
  Clock::time_point first_token_time_{};
};

}  // namespace saccade::engine
