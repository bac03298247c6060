// Steps in which every sequence takes one token, asked for ahead of their results.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/kv_pool.h"
#include "engine/sequence.h"
#include "models/model.h"

namespace saccade::engine {

/// Launches decode steps and collects their tokens later. What a step reads lies in buffers that
/// stay where they are, one set for each number of rows, so that the device can record a step and
/// repeat it; tokens go from one step to the next on the device.
class DecodeSteps {
 public:
  /// `memory` is that of the pool, with the states that the model may have.
  DecodeSteps(models::Model& model, compute::Device& device, KvPool& pool,
              const compute::SequenceMemory& memory, compute::SamplerSlots& samplers);

  /// Steps launched and not collected.
  int pending() const { return static_cast<int>(launched_.size()); }
  /// Whether another step of these sequences may follow those that are pending: they are the same
  /// ones, and each may still get a token.
  bool can_follow(std::span<Sequence* const> members) const;
  /// Launches a step that gives every member its next token. Its page must be reserved.
  void launch(std::span<Sequence* const> members);
  /// Waits for the oldest step and hands out its tokens; members that have finished get none.
  void collect();
  /// The sequence has finished and may end before the steps that are pending.
  void forget(const Sequence* sequence);

 private:
  /// What steps of so many rows read.
  struct Buffers {
    models::StepInputs inputs;
    Tensor slots;  // int32 [rows]
    std::unique_ptr<compute::Recording> recording;
    // What was uploaded last, kept so that a step takes no new memory.
    std::vector<std::int32_t> host_tokens, host_slots;  // [rows]
    std::vector<std::int32_t> host_positions;           // [axes, rows]
    std::vector<compute::SequenceSpan> host_spans;
    std::vector<std::int64_t> host_encoder_tokens;  // [rows], of encoder-decoders
  };
  struct Launched {
    std::vector<Sequence*> members;  // null: forgotten
    /// Where nothing is launched ahead, null: the tokens lie in the buffers of so many rows.
    std::unique_ptr<compute::Readback> tokens;
    std::int64_t rows;
  };
  Buffers& buffers_for(std::int64_t rows, const models::Prompt& like);
  void fill(Buffers& buffers, std::span<Sequence* const> members, std::int64_t rows);
  void fill_members(Buffers& buffers, std::span<Sequence* const> members, std::int64_t rows);

  models::Model& model_;
  compute::Device& device_;
  KvPool& pool_;
  compute::SequenceMemory memory_;
  compute::SamplerSlots& samplers_;
  std::map<std::int64_t, Buffers> buffers_;     // by rows
  std::vector<Launched> launched_;              // the oldest first; never more than a few
  std::vector<std::vector<Sequence*>> spared_;  // of steps collected, to be used again
  std::vector<std::int32_t> chosen_;            // [rows], of the step being collected
};

}  // namespace saccade::engine
