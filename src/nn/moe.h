// Layers of which each token uses a part.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace saccade::nn {

/// Sizes of a mixture of experts.
struct MoeConfig {
  int num_experts = 0;
  int experts_per_token = 0;
  std::int64_t intermediate_size = 0;  ///< of one expert
  bool normalize = false;              ///< the shares of the experts a token uses add up to 1
  float share_scale = 1.0f;            ///< a factor of all shares
  /// Of an expert that every token uses; 0: there is none.
  std::int64_t shared_intermediate_size = 0;
  /// The shared expert is taken by a share of its own, the sigmoid of a gate, instead of in full.
  bool shared_gate = false;
};

/// Gated MLPs of which a router chooses a few for each token (Shazeer et al., 2017): the output is
/// their sum, weighted by the router's softmax.
class MixtureOfExperts {
 public:
  /// Loads `name`.gate, the router, and `name`.experts.N, or all experts in the two tensors
  /// `name`.experts.gate_up_proj and .down_proj; and the shared expert: `name`.shared_expert with
  /// its gate, .shared_expert_gate, or `name`.shared_experts.
  static MixtureOfExperts load(WeightLoader& weights, const std::string& name,
                               std::int64_t hidden_size, const MoeConfig& config,
                               compute::Activation activation);

  /// The same in the form of Gemma 4: `name`.router.proj on what is normed by `name`.router.scale,
  /// and a factor for each expert's share, `name`.router.per_expert_scale.
  static MixtureOfExperts load_with_router(WeightLoader& weights, const std::string& name,
                                           std::int64_t hidden_size, const MoeConfig& config,
                                           compute::Activation activation, float eps);

  /// x f32 [rows, hidden_size], of which `routed`, f32 of the same shape, decides to whom it goes
  /// -> the same shape. A row's experts are summed in the order of their numbers, the shared one
  /// last, so that its bits do not depend on the other rows.
  Tensor forward(Device& device, const Tensor& x, const Tensor& routed) const;

 private:
  /// The rows that one expert is given, and its share of each.
  struct Assignment {
    std::vector<std::int32_t> rows;
    std::vector<float> shares;
  };
  void load_experts(WeightLoader& weights, const std::string& name, std::int64_t hidden_size,
                    compute::Activation activation);
  std::vector<Assignment> route(Device& device, const Tensor& x) const;

  MoeConfig config_;
  std::optional<RmsNorm> router_norm_;
  Linear router_;                     // with the shared expert's gate as its last output
  std::vector<float> share_factors_;  // [num_experts] or empty
  std::vector<GatedMlp> experts_;     // the shared one last
};

/// The `count` largest of `logits`, the first of equals before the later, with their softmax over
/// all of them; the shares of those chosen add up to 1 when `normalize` says so. In order of their
/// index.
struct ExpertShare {
  int expert = 0;
  float share = 0.0f;
};
std::vector<ExpertShare> choose_experts(std::span<const float> logits, int count, bool normalize);

}  // namespace saccade::nn
