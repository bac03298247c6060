// Which tokens go into the next step.
#pragma once

#include <memory>
#include <vector>

#include "engine/decode_steps.h"
#include "engine/sequence.h"
#include "engine/state_pool.h"
#include "models/model.h"

namespace saccade::engine {

/// Advances any number of sequences together: each step is one forward pass over a token from every
/// decoding sequence and, in what is left of the token budget, chunks of the waiting prompts in
/// order of arrival.
class Scheduler {
 public:
  /// Sequences that take part in steps at a time; more wait for one to end.
  static constexpr int kMaxSequences = 256;

  /// `max_batch_tokens` >= 1 bounds the rows, and so the working memory, of a step. Only a picture
  /// whose tokens see each other goes through whole, however many they are. `states`: where the
  /// model has recurrent states; no more sequences take part in steps than it has slots.
  Scheduler(models::Model& model, compute::Device& device, KvPool& pool,
            std::int64_t max_batch_tokens, StatePool* states = nullptr);

  /// The sequence must outlive its last step here; finished ones leave by themselves.
  void add(Sequence* sequence);
  bool idle() const { return sequences_.empty() && steps_.pending() == 0; }

  /// One step. When the model throws, the step's sequences fail with its message and the scheduler
  /// goes on with the others.
  void step();
  /// Cancels all sequences, waits for what is under way and lets them go.
  void cancel_all();

 private:
  /// A sequence's share of a step.
  struct Share {
    Sequence* sequence;
    std::int64_t begin;  // first token, index in the sequence
    std::int64_t count;
    std::int32_t logits_index;  // row of the logits, or -1: the prompt goes on in a later step
  };
  bool slot_free() const;
  void take_slots();
  void drop_finished();
  /// Whether the next step is one token of every sequence, at which nobody looks on the way.
  bool plain_decoding() const;
  void decode();
  void mixed_step();
  std::vector<Share> plan();
  models::Batch make_batch(std::vector<Share>& shares) const;
  void run(std::vector<Share>& shares);

  models::Model& model_;
  compute::Device& device_;
  KvPool& pool_;
  StatePool* states_;  // null: the model has none
  compute::SequenceMemory memory_;
  std::int64_t max_batch_tokens_;
  std::unique_ptr<compute::SamplerSlots> samplers_;
  std::vector<int> free_slots_;
  DecodeSteps steps_;
  std::vector<Sequence*> sequences_;  // with a slot first
};

}  // namespace saccade::engine
