#include "models/paligemma/paligemma.h"

#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::paligemma {
namespace {

struct Names {
  std::string tower;
  std::string projector;
};

Names find_names(const checkpoint::Checkpoint& checkpoint, const Config& config) {
  return {find_tower(checkpoint, config.vision,
                     {"vision_tower.vision_model.", "vision_tower.",
                      "model.vision_tower.vision_model.", "model.vision_tower."}),
          find_prefix(checkpoint, {"multi_modal_projector.", "model.multi_modal_projector."},
                      "linear.weight")};
}

class PaliGemma : public TextModel {
 public:
  PaliGemma(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
            nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        vision_(config.vision, weights, names.tower),
        projection_(nn::Linear::load(weights, names.projector + "linear",
                                     config.text.decoder.hidden_size, config.vision.hidden_size,
                                     true)) {}

  Tensor encode(const media::Patches& patches) override {
    return projection_.forward_f32(device(), vision_.forward(device(), patches));
  }

 private:
  nn::Vit vision_;
  nn::Linear projection_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint, config);
  return describe_vlm(
      checkpoint, "paligemma",
      {describe_part(checkpoint, "vision tower", tower_summary(config.vision), {names.tower}),
       describe_part(checkpoint, "projector",
                     fmt::format("{} tokens a picture", config.picture_tokens()),
                     {names.projector})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  const Config config = read_config(checkpoint);
  return std::make_unique<PaliGemma>(config, find_names(checkpoint, config), checkpoint, weights);
}

}  // namespace

Family family() {
  return {"paligemma", describe, load_model, load_processor};
}

}  // namespace saccade::models::paligemma
