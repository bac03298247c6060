#include "models/idefics2/idefics2.h"

#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::idefics2 {
namespace {

struct Names {
  std::string tower;
  std::string connector;
};

Names find_names(const checkpoint::Checkpoint& checkpoint, const Config& config) {
  return {
      find_tower(checkpoint, config.vision, {"model.vision_model.", "vision_model."}),
      find_prefix(checkpoint, {"model.connector.", "connector."}, "perceiver_resampler.latents")};
}

class Idefics2 : public TextModel {
 public:
  Idefics2(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
           nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        config_(config),
        vision_(config.vision, weights, names.tower),
        projection_(nn::GatedMlp::load(
            weights, names.connector + "modality_projection", config.vision.hidden_size,
            config.text.decoder.intermediate_size, false, config.text.decoder.activation,
            config.text.decoder.hidden_size)),
        resampler_(config.resampler, weights, names.connector + "perceiver_resampler.") {}

  Tensor encode(const media::Patches& patches) override {
    const std::vector<media::Size> tiles = patches.tile_sizes();
    const Tensor features = vision_.forward(
        device(), patches, nn::bucketed_positions(tiles, config_.vision.grid_height));
    return resampler_.forward(device(), projection_.forward_f32(device(), features),
                              nn::tile_ends(tiles));
  }

 private:
  Config config_;
  nn::Vit vision_;
  nn::GatedMlp projection_;
  Resampler resampler_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint, config);
  return describe_vlm(
      checkpoint, "idefics2",
      {describe_part(checkpoint, "vision tower", tower_summary(config.vision), {names.tower}),
       describe_part(checkpoint, "connector",
                     fmt::format("{} layers of attention to {} latents", config.resampler.depth,
                                 config.resampler.num_latents),
                     {names.connector})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  const Config config = read_config(checkpoint);
  return std::make_unique<Idefics2>(config, find_names(checkpoint, config), checkpoint, weights);
}

}  // namespace

Family family() {
  return {"idefics2", describe, load_model, load_processor};
}

}  // namespace saccade::models::idefics2
