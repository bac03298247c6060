// Which tokens go into the next step.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <unordered_map>
#include <vector>

#include "engine/cache_store.h"
#include "engine/decode_steps.h"
#include "engine/picture_encoder.h"
#include "engine/prefix_cache.h"
#include "engine/sequence.h"
#include "engine/state_pool.h"
#include "models/model.h"

namespace saccade::engine {

/// Advances any number of sequences together: each step is one forward pass over a token from every
/// decoding sequence and, in what is left of the token budget, chunks of the waiting prompts.
///
/// Sequences are in order of priority, then of arrival. Whoever is before another one gets memory
/// first: a sequence is admitted when its prompt has room, and nobody behind it is before it is;
/// when pages run out while answers grow, the last one is set back and computes its tokens anew
/// later, from what is in the prefix cache still. Of a step's room for prompts the first gets half,
/// and the one with the fewest tokens left the other, so that neither waits for long ones behind or
/// before it. A prompt whose next page is just being computed for another one waits for it.
class Scheduler {
 public:
  /// Sequences that take part in steps at a time; more wait for one to end.
  static constexpr int kMaxSequences = 256;
  static constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

  /// What a scheduler works with. All outlive it.
  struct Parts {
    models::Model& model;
    compute::Device& device;
    KvPool& pool;
    StatePool* states = nullptr;         ///< where the model has recurrent states
    PrefixCache* cache = nullptr;        ///< that sequences were made with, if any
    PictureEncoder* pictures = nullptr;  ///< null: pictures come with their embeddings
    CacheStore* store = nullptr;         ///< where caches have a part on a disk
  };

  /// `max_batch_tokens` >= 1 bounds the rows, and so the working memory, of a step. Only a picture
  /// whose tokens see each other goes through whole, however many they are.
  Scheduler(const Parts& parts, std::int64_t max_batch_tokens);

  /// The sequence must outlive its last step here; finished ones leave by themselves.
  void add(Sequence* sequence);
  bool idle() const { return sequences_.empty() && steps_.pending() == 0; }
  /// Answers are being given: somebody waits for every step.
  bool decoding() const;
  /// Some prompt can be read on now, or once memory is free.
  bool prefilling() const;

  struct Work {
    std::int64_t decoded = 0;    ///< rows that were one token of an answer
    std::int64_t prefilled = 0;  ///< rows of prompts
  };
  /// One step, with so many rows of prompts at most. Nothing where all wait for pictures. When the
  /// model throws, the step's sequences fail with its message and the scheduler goes on with the
  /// others.
  Work step(std::int64_t max_prefill_tokens = kNoLimit);
  /// Lets go of sequences that have finished.
  void drop_finished();
  /// Cancels all sequences, waits for what is under way and lets them go.
  void cancel_all();

  std::int64_t preemptions() const { return preemptions_; }

 private:
  /// A sequence's share of a step.
  struct Share {
    Sequence* sequence;
    std::int64_t begin;  // first token, index in the sequence
    std::int64_t count;
    std::int32_t logits_index;  // row of the logits, or -1: the prompt goes on in a later step
    std::int64_t pooled = 0;    // its last tokens whose hidden states are wanted
  };
  // Coming and going.
  void take_slots();
  void admit();
  bool has_room_for(const Sequence& sequence) const;
  void want_pictures(const Sequence& sequence);
  void leave(Sequence* sequence);
  void keep_tail(Sequence* sequence);
  void keep_state(Sequence* sequence, PrefixCache::Node* node);
  // Planning.
  bool decodes(const Sequence* sequence) const;
  bool can_prefill(Sequence* sequence);
  bool waits_for_page(Sequence* sequence);
  void drop_claims(Sequence* sequence);
  bool plain_decoding() const;
  bool make_room(Sequence* sequence, std::int64_t tokens);
  void make_way();
  void set_back(Sequence* sequence);
  std::int64_t take_share(Sequence* sequence, std::int64_t room);
  void plan(std::int64_t max_prefill_tokens);
  std::int64_t chunk(const Sequence& sequence, std::int64_t room) const;
  // Doing.
  void decode(Work& work);
  void mixed_step(std::int64_t max_prefill_tokens, Work& work);
  models::Batch make_batch();
  void run();
  void note_forced(const Sequence& sequence, std::int64_t first, std::int32_t chosen);
  void pool(const Tensor& hidden_states);
  void embed_pictures();
  void edit(const Tensor& logits);

  models::Model& model_;
  compute::Device& device_;
  KvPool& pool_;
  StatePool* states_;  // null: the model has none
  PrefixCache* cache_;
  PictureEncoder* pictures_;
  CacheStore* store_;
  compute::SequenceMemory memory_;
  std::int64_t max_batch_tokens_;
  std::unique_ptr<compute::SamplerSlots> samplers_;
  std::vector<int> free_slots_;
  DecodeSteps steps_;
  std::vector<Sequence*> sequences_;  // in order
  std::vector<Sequence*> decoding_;   // of the step in hand
  std::vector<Sequence*> prefilling_;
  std::vector<Share> shares_;
  std::unordered_map<Digest, Sequence*> claims_;  // pages that somebody is about to compute
  std::int64_t arrivals_ = 0;
  std::int64_t preemptions_ = 0;
};

}  // namespace saccade::engine
