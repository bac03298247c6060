// One request on its way through the engine.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/kv_pool.h"
#include "engine/sampler.h"
#include "engine/stop_matcher.h"
#include "models/processor.h"
#include "saccade/request.h"
#include "text/detokenizer.h"

namespace saccade::engine {

using Clock = std::chrono::steady_clock;

/// What a sequence is made from, settled before it meets the scheduler.
struct SequenceInput {
  models::Prompt prompt;
  std::vector<std::shared_ptr<const Tensor>> embeddings;  ///< of each picture of the request
  SamplingParams sampling;
  std::uint64_t seed = 0;
  std::int64_t max_tokens = 0;
  std::vector<std::string> stop;
  std::vector<std::int32_t> end_tokens;
  std::optional<int> logprobs;
  /// The answer, where it is given and not chosen; max_tokens is its length then.
  std::vector<std::int32_t> forced;
};

/// Tokens, pages and answer of one request. Owned by the caller, advanced by the scheduler.
class Sequence {
 public:
  Sequence(SequenceInput input, const text::Tokenizer& tokenizer, KvPool& pool);
  ~Sequence();
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  /// Receives each piece of text as it becomes certain.
  std::function<void(const std::string&)> on_text;
  /// Receives the logits of each token of the answer, as the model gave them.
  std::function<void(std::span<const float>)> on_logits;

  /// Of the sampler that chooses this sequence's tokens; the scheduler's.
  int slot = -1;
  /// Of its recurrent state, where the model has some; the scheduler's.
  int state_slot = -1;

  const models::Prompt& prompt() const { return input_.prompt; }
  std::int64_t prompt_tokens() const {
    return static_cast<std::int64_t>(input_.prompt.token_ids.size());
  }
  /// Tokens whose keys and values are stored.
  std::int64_t computed() const { return computed_; }
  /// Tokens known: prompt and answer so far.
  std::int64_t known() const;
  bool prefilling() const { return computed_ < prompt_tokens(); }
  bool finished() const { return finish_reason_.has_value() || !error_.empty(); }
  const std::string& error() const { return error_; }

  std::int32_t token(std::int64_t index) const;
  /// Position of a token on one axis.
  std::int32_t position(int axis, std::int64_t index) const;
  const Tensor& embedding(int image) const { return *input_.embeddings[image]; }
  const SamplingParams& sampling() const { return input_.sampling; }
  std::uint64_t seed() const { return input_.seed; }
  /// The answer is given: its tokens are not chosen.
  bool forced() const { return !input_.forced.empty(); }
  /// Somebody looks at the logits of each token.
  bool wants_logits() const { return on_logits || input_.logprobs; }
  /// Tokens that the answer may still get.
  std::int64_t remaining() const {
    return input_.max_tokens - static_cast<std::int64_t>(generated_.size());
  }
  std::span<const std::int32_t> pages() const { return pages_; }

  /// Makes room for `tokens` tokens in all; false when the pool has no page left.
  bool reserve(std::int64_t tokens);
  /// The next `count` tokens have been computed.
  void advance(std::int64_t count) { computed_ += count; }
  /// Takes the next token, or the one that is forced instead, and its text. `id` is -1 when there
  /// is none because logits were not finite; logits [vocab_size] are given where they are wanted.
  void accept(std::int32_t id, std::span<const float> logits = {});
  void cancel() { finish(FinishReason::kCancelled); }
  void fail_with(std::string error) { error_ = std::move(error); }

  Clock::time_point first_token_time() const { return first_token_time_; }
  /// The answer; timings are the caller's to fill in.
  Result take_result();

 private:
  void finish(FinishReason reason);
  void emit(const std::string& text);

  SequenceInput input_;
  KvPool& pool_;
  text::StreamingDetokenizer detokenizer_;
  StopMatcher stop_matcher_;
  std::vector<std::int32_t> pages_;
  std::vector<std::int32_t> generated_;
  std::vector<GeneratedLogprob> logprobs_;
  std::string text_;
  std::int64_t computed_ = 0;
  std::optional<FinishReason> finish_reason_;
  std::string error_;
  Clock::time_point first_token_time_{};
};

}  // namespace saccade::engine
