// Models of two stacks: an encoder of the prompt, and a decoder that answers.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/family.h"
#include "nn/encoder_decoder.h"

namespace saccade::models {

/// An encoder-decoder as a model. A sequence's tokens are what its encoder reads, followed by the
/// decoder's (Prompt::encoder_tokens); a layer's pages hold the keys and values of both, so that
/// memory, batches and steps are those of any other model.
class EncoderDecoderModel : public Model {
 public:
  EncoderDecoderModel(const nn::EncoderDecoderConfig& config, nn::WeightLoader& weights,
                      const std::string& embedding, const std::string& prefix);

  compute::KvLayout kv_layout() const override { return stacks_.config().kv_layout(); }
  std::int64_t vocab_size() const override { return stacks_.config().vocab_size; }
  std::int64_t hidden_size() const override { return stacks_.config().hidden_size; }

  /// Throws Error when an encoder's tokens come in parts.
  Outputs forward(const Batch& batch, const compute::SequenceMemory& memory) override;
  Tensor forward(const StepInputs& inputs, const compute::SequenceMemory& memory) override;

 protected:
  compute::Device& device() const { return device_; }

 private:
  void encode_prompts(const Batch& batch, compute::KvCache& cache) const;
  /// Hidden states [rows, hidden_size] after the decoder.
  Tensor decode(const StepInputs& inputs, compute::KvCache& cache) const;

  compute::Device& device_;
  nn::EncoderDecoder stacks_;
};

}  // namespace saccade::models
