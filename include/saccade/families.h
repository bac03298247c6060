// Which model families there are.
#pragma once

#include <string>
#include <vector>

namespace saccade {

struct FamilyInfo {
  std::string name;        ///< model_type of config.json
  std::string modalities;  ///< what a request may hold: "text" or "text, images"
  /// The checkpoints in tests/goldens by which the family is held to what transformers computes:
  /// prompts, token ids, tower outputs, logits and 64 greedy tokens. As the folder was when this
  /// library was built.
  std::vector<std::string> goldens;
};

/// By name, those with pictures first.
std::vector<FamilyInfo> model_families();

}  // namespace saccade
