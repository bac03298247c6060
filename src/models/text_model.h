// Models that are a decoder over tokens, alone or with what encoders put in place of tokens.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/family.h"
#include "models/text_config.h"
#include "nn/decoder.h"

namespace saccade::models {

/// Tensor names of a decoder; they differ between published files and what transformers 5 writes.
struct DecoderNames {
  std::string decoder;  ///< "model"
  std::string head;     ///< "lm_head"
};

/// The names under which the checkpoint holds its decoder. Throws Error when it holds none.
DecoderNames find_decoder(const checkpoint::Checkpoint& checkpoint);

/// A decoder as a model. Families with a tower derive from it and override encode.
class TextModel : public Model {
 public:
  TextModel(const nn::DecoderConfig& config, const DecoderNames& names, nn::WeightLoader& weights);

  compute::KvLayout kv_layout() const override { return decoder_.config().kv_layout(); }
  compute::StateLayout state_layout() const override { return decoder_.config().state_layout(); }
  std::int64_t vocab_size() const override { return decoder_.config().vocab_size; }
  std::int64_t hidden_size() const override { return decoder_.config().hidden_size; }

  /// A text model has no tower: throws Error.
  Tensor encode(const media::Patches& patches) override;

  Outputs forward(const Batch& batch, const compute::SequenceMemory& memory) override;
  Tensor forward(const StepInputs& inputs, const compute::SequenceMemory& memory) override;

 protected:
  compute::Device& device() const { return device_; }

 private:
  /// The wanted rows of outputs [computed, hidden_size], which are those of the rows `computed`.
  Tensor gather(const Tensor& outputs, const std::vector<std::int32_t>& computed,
                const std::vector<std::int32_t>& wanted) const;

  /// Puts what encoders made in the place of placeholder tokens, and returns what is added later.
  std::vector<nn::LayerAddition> place_embeddings(const Batch& batch,
                                                  const Tensor& hidden_states) const;

  /// What the decoder's layers take beside the embeddings, pictures' tokens counting as padding.
  Tensor layer_inputs(const Batch& batch, const Tensor& token_ids,
                      const Tensor& hidden_states) const;

  compute::Device& device_;
  nn::Decoder decoder_;
};

/// Decoder and embeddings, as `saccade inspect` lists them.
std::vector<PartDescription> describe_decoder(const checkpoint::Checkpoint& checkpoint,
                                              const DecoderNames& names,
                                              const nn::DecoderConfig& config);

/// The registry's entry for a family of text alone.
Family text_only(const TextFamily& family);

}  // namespace saccade::models
