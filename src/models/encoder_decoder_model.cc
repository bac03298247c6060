#include "models/encoder_decoder_model.h"

#include <algorithm>

#include "base/error.h"

namespace saccade::models {
namespace {

/// The rows of a batch that its encoder, and that its decoder reads, each as a batch of its own.
class Parted {
 public:
  explicit Parted(const Batch& batch) : batch_(batch), new_row_(batch.token_ids.size()) {
    for (const compute::SequenceSpan& span : batch.spans) part(span);
    for (const EmbeddingRows& rows : batch.embeddings) {
      encoder.embeddings.push_back(rows);
      encoder.embeddings.back().row = new_row_[rows.row];
    }
    for (const std::int32_t row : batch.logits_rows) {
      decoder.logits_rows.push_back(static_cast<std::int32_t>(new_row_[row]));
    }
  }

  Batch encoder;
  Batch decoder;

 private:
  void part(const compute::SequenceSpan& span) {
    const std::int64_t prompt = batch_.encoder_tokens[span.row];
    const std::int64_t encoded = std::clamp<std::int64_t>(prompt - span.start, 0, span.count);
    if (encoded > 0 && encoded != prompt) {
      fail("[encoder] {} tokens of {} from {} on: all are read at once", encoded, prompt,
           span.start);
    }
    take(encoder, span, 0, encoded);
    take(decoder, span, encoded, span.count - encoded);
  }

  /// Tokens [first, first + count) of a span.
  void take(Batch& to, const compute::SequenceSpan& span, std::int64_t first, std::int64_t count) {
    if (count == 0) return;
    to.spans.push_back(
        {static_cast<std::int64_t>(to.token_ids.size()), count, span.start + first, span.pages});
    for (std::int64_t row = span.row + first; row < span.row + first + count; ++row) {
      new_row_[row] = static_cast<std::int64_t>(to.token_ids.size());
      to.token_ids.push_back(batch_.token_ids[row]);
      to.positions.push_back(batch_.positions[row]);
      if (&to == &decoder) to.encoder_tokens.push_back(batch_.encoder_tokens[row]);
    }
  }

  const Batch& batch_;
  std::vector<std::int64_t> new_row_;  // in the part that the row went to
};

}  // namespace

EncoderDecoderModel::EncoderDecoderModel(const nn::EncoderDecoderConfig& config,
                                         nn::WeightLoader& weights, const std::string& embedding,
                                         const std::string& prefix)
    : device_(weights.device()), stacks_(config, weights, embedding, prefix) {}

void EncoderDecoderModel::encode_prompts(const Batch& batch, compute::KvCache& cache) const {
  const StepInputs inputs = upload_inputs(device_, batch);
  const Tensor hidden_states = stacks_.embed(device_, inputs.token_ids);
  for (const EmbeddingRows& part : batch.embeddings) {
    std::vector<std::int32_t> to(part.count);
    for (std::int64_t i = 0; i < part.count; ++i) to[i] = static_cast<std::int32_t>(part.row + i);
    device_.scatter(hidden_states, part.embeddings->view_rows(part.first, part.count), to);
  }
  std::vector<std::int64_t> ends;
  for (const compute::SequenceSpan& span : batch.spans) ends.push_back(span.row + span.count);
  stacks_.encode(device_, hidden_states, inputs.positions.view_as({hidden_states.rows()}), ends);
  stacks_.store_encoded(device_, hidden_states, cache, *inputs.spans);
}

Tensor EncoderDecoderModel::decode(const StepInputs& inputs, compute::KvCache& cache) const {
  Tensor hidden_states = stacks_.embed(device_, inputs.token_ids);
  stacks_.decode(device_, hidden_states, inputs.positions.view_as({hidden_states.rows()}), cache,
                 *inputs.spans, *inputs.cross_spans);
  return hidden_states;
}

Model::Outputs EncoderDecoderModel::forward(const Batch& batch,
                                            const compute::SequenceMemory& memory) {
  if (!batch.hidden_rows.empty()) fail("a model with an encoder gives no hidden states");
  const Parted parts(batch);
  // A decoder may have its first token in the step in which its encoder runs.
  if (!parts.encoder.spans.empty()) encode_prompts(parts.encoder, memory.kv);
  if (parts.decoder.spans.empty()) return {device_.empty(DType::kF32, {0, vocab_size()}), {}};
  const Tensor hidden_states = decode(upload_inputs(device_, parts.decoder), memory.kv);
  Tensor wanted = device_.empty(
      DType::kF32, {static_cast<std::int64_t>(parts.decoder.logits_rows.size()), hidden_size()});
  device_.gather(wanted, hidden_states, parts.decoder.logits_rows);
  return {stacks_.logits(device_, wanted), {}};
}

Tensor EncoderDecoderModel::forward(const StepInputs& inputs,
                                    const compute::SequenceMemory& memory) {
  return stacks_.logits(device_, decode(inputs, memory.kv));
}

}  // namespace saccade::models
