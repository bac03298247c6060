// Qwen-VL models: a tower and a decoder.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/family.h"
#include "models/qwen_vl/tower.h"
#include "models/text_model.h"

namespace saccade::models::qwen_vl {

/// A decoder whose pictures are encoded by `Tower`.
template <typename Tower>
class VisionLanguageModel : public TextModel {
 public:
  VisionLanguageModel(const nn::DecoderConfig& text, const checkpoint::Checkpoint& checkpoint,
                      nn::WeightLoader& weights, Tower tower)
      : TextModel(text, find_decoder(checkpoint), weights), tower_(std::move(tower)) {}

  Tensor encode(const media::Patches& patches) override {
    return tower_.forward(device(), patches);
  }

 private:
  Tower tower_;
};

/// Describes tower, mergers and decoder. `layers` says what is special about the tower's layers,
/// `detail` what is about its patches.
Description describe(const checkpoint::Checkpoint& checkpoint, const std::string& model_type,
                     const Config& config, const VisionConfig& vision, const std::string& layers,
                     const std::string& detail);

}  // namespace saccade::models::qwen_vl
