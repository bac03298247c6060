// What the engine asks of a model, whatever its family.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "compute/device.h"
#include "compute/sequence_memory.h"
#include "media/patches.h"
#include "models/processor.h"

namespace saccade::models {

/// Encoder outputs that take the place of token embeddings.
struct EmbeddingRows {
  std::int64_t row = 0;                ///< first row of the batch to replace
  const Tensor* embeddings = nullptr;  ///< one image's, as Model::encode gives them
  std::int64_t first = 0;              ///< first row of `embeddings` to take
  std::int64_t count = 0;
};

/// What a forward pass reads of a batch, on the device. Steps of the same size can share one and be
/// recorded (Device::run).
struct StepInputs {
  Tensor token_ids;                           // int32 [rows]
  Tensor positions;                           // int32 [axes, rows]
  std::unique_ptr<compute::SpanTable> spans;  ///< of all rows
  /// Of an encoder-decoder: the same spans, as far as they see what the encoder gave; `spans` then
  /// see what comes after that. Null for all others.
  std::unique_ptr<compute::SpanTable> cross_spans = nullptr;
};

/// Makes `spans`, whose key ranges this changes, those of the step. Of an encoder-decoder,
/// encoder_tokens [rows] are Batch::encoder_tokens.
void assign_spans(StepInputs& inputs, std::vector<compute::SequenceSpan>& spans,
                  std::span<const std::int64_t> encoder_tokens);

/// A ragged batch: the new tokens of any number of sequences, one after the other. Prefill, chunked
/// prefill and decoding differ in span lengths alone.
struct Batch {
  std::vector<std::int32_t> token_ids;  ///< [rows]
  std::vector<std::int32_t> positions;  ///< [position_axes, rows]
  std::vector<compute::SequenceSpan> spans;
  std::vector<EmbeddingRows> embeddings;
  std::vector<std::int32_t> logits_rows;       ///< rows whose next-token logits are wanted
  std::vector<std::int32_t> hidden_rows = {};  ///< rows whose last hidden states are wanted
  // What spans refer to, if any.
  std::vector<std::vector<std::int64_t>> end_keys = {};
  std::vector<std::vector<std::int64_t>> first_keys = {};
  /// For each row Prompt::encoder_tokens of its sequence; empty: there is no encoder.
  std::vector<std::int64_t> encoder_tokens = {};

  /// Tokens of the last span see each other as these runs say.
  void set_mutual(const std::vector<TokenRun>& mutual);
  /// The last span is of a sequence with so many encoder tokens.
  void set_encoder_tokens(std::int64_t count);
};

/// The batch's tokens, positions and spans on the device.
StepInputs upload_inputs(compute::Device& device, const Batch& batch);

/// A loaded model. Not thread-safe: it belongs to the engine.
class Model {
 public:
  virtual ~Model() = default;

  virtual compute::KvLayout kv_layout() const = 0;
  /// What it keeps of a sequence beside keys and values; nothing unless it has recurrent layers.
  virtual compute::StateLayout state_layout() const { return {}; }
  virtual std::int64_t vocab_size() const = 0;
  virtual std::int64_t hidden_size() const = 0;

  /// The tower's output for one picture, [tokens, hidden_size]: what takes the tokens' places. A
  /// family may put further groups of hidden_size columns beside it, of which group i is added to
  /// the hidden states of those tokens after layer i - 1 (the DeepStack features of Qwen3-VL).
  virtual Tensor encode(const media::Patches& patches) = 0;

  /// What a forward pass gives, as f32.
  struct Outputs {
    Tensor logits;         ///< [logits_rows.size(), vocab_size]
    Tensor hidden_states;  ///< after the last norm, [hidden_rows.size(), hidden_size]; empty: none
  };
  /// Runs the batch, storing what later ones need of it. Throws Error where hidden states are
  /// wanted of an encoder-decoder.
  virtual Outputs forward(const Batch& batch, const compute::SequenceMemory& memory) = 0;
  /// The same for tokens that are on the device already and of text alone; logits of every row,
  /// [rows, vocab_size].
  virtual Tensor forward(const StepInputs& inputs, const compute::SequenceMemory& memory) = 0;
};

}  // namespace saccade::models
