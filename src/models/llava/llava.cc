#include "models/llava/llava.h"

#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::llava {
namespace {

struct Names {
  std::string tower;  // published files have "vision_tower.vision_model." before CLIP's
  std::string projector;
};

Names find_names(const checkpoint::Checkpoint& checkpoint, const Config& config) {
  return {find_tower(checkpoint, config.vision,
                     {"vision_tower.vision_model.", "vision_tower.",
                      "model.vision_tower.vision_model.", "model.vision_tower."}),
          find_prefix(checkpoint, {"multi_modal_projector.", "model.multi_modal_projector."},
                      "linear_1.weight")};
}

class Llava : public TextModel {
 public:
  Llava(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
        nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        config_(config),
        vision_(config.vision, weights, names.tower),
        projector_(load_projector(weights, names.projector, config.vision.output_size(),
                                  config.text.decoder.hidden_size, config.projector_bias,
                                  config.projector_activation)) {}

  Tensor encode(const media::Patches& patches) override {
    const Tensor features = vision_.forward(device(), patches);
    const std::int64_t dropped = config_.drop_first ? 1 : 0;
    return projector_.forward_f32(device(), features.view_rows(dropped, features.rows() - dropped));
  }

 private:
  Config config_;
  nn::Vit vision_;
  nn::Mlp projector_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint, config);
  return describe_vlm(
      checkpoint, "llava",
      {describe_part(checkpoint, "vision tower", tower_summary(config.vision), {names.tower}),
       describe_part(checkpoint, "projector", "two linear maps", {names.projector})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const LoadProgress& progress) {
  nn::WeightLoader weights(checkpoint, device, progress);
  const Config config = read_config(checkpoint);
  return std::make_unique<Llava>(config, find_names(checkpoint, config), checkpoint, weights);
}

}  // namespace

Family family() {
  return {"llava", describe, load_model, load_processor};
}

}  // namespace saccade::models::llava
