// From the tower's map to what the encoder reads.
#pragma once

#include <string>
#include <vector>

#include "models/florence2/config.h"

namespace saccade::models::florence2 {

/// Adds what tells places apart, puts their mean before them, and projects.
class Projector {
 public:
  Projector(const Config& config, nn::WeightLoader& weights, const std::string& prefix);

  /// A map f32, which this changes -> f32 [1 + places, hidden_size]. Throws Error when it is larger
  /// than there are positions for.
  Tensor forward(compute::Device& device, const nn::FeatureMaps& map) const;

 private:
  /// What is added to the features of each place, [places, channels].
  std::vector<float> positions(const nn::FeatureMaps& map) const;

  std::int64_t channels_;
  std::int64_t max_positions_;
  std::vector<float> columns_;  // [max_positions, channels / 2]
  std::vector<float> rows_;     // [max_positions, channels / 2]
  std::vector<float> frames_;   // [max_frames, channels]
  nn::Linear projection_;
  nn::LayerNorm norm_;
};

}  // namespace saccade::models::florence2
