#include "models/fast_vlm/fast_vlm.h"

#include <numeric>

#include "models/vlm.h"

namespace saccade::models::fast_vlm {
namespace {

struct Names {
  std::string tower;
  std::string projector;
};

Names find_names(const checkpoint::Checkpoint& checkpoint) {
  return {find_prefix(checkpoint, {"model.vision_tower.timm_model.", "vision_tower.timm_model."},
                      "stem.0.reparam_conv.weight"),
          find_prefix(checkpoint, {"model.multi_modal_projector.", "multi_modal_projector."},
                      "linear_1.weight")};
}

class FastVlm : public TextModel {
 public:
  FastVlm(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
          nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        vision_(config.vision, weights, names.tower),
        projector_(load_projector(weights, names.projector, config.vision.output_size(),
                                  config.text.decoder.hidden_size, config.projector_bias,
                                  config.projector_activation)) {}

  Tensor encode(const media::Patches& patches) override {
    return projector_.forward_f32(device(), vision_.forward(device(), patches));
  }

 private:
  Tower vision_;
  nn::Mlp projector_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint);
  const TowerConfig& tower = config.vision;
  const int layers = std::accumulate(tower.layers.begin(), tower.layers.end(), 0);
  return describe_vlm(
      checkpoint, "fast_vlm",
      {describe_part(checkpoint, "vision tower",
                     fmt::format("{} layers in {} stages, {} to {} channels", layers,
                                 TowerConfig::kStages, tower.widths.front(), tower.output_size()),
                     {names.tower}),
       describe_part(checkpoint, "projector", "two linear maps", {names.projector})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  return std::make_unique<FastVlm>(read_config(checkpoint), find_names(checkpoint), checkpoint,
                                   weights);
}

}  // namespace

Family family() {
  return {"fast_vlm", describe, load_model, load_processor};
}

}  // namespace saccade::models::fast_vlm
