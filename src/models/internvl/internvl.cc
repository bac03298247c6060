#include "models/internvl/internvl.h"

#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::internvl {
namespace {

// The projector's norm has PyTorch's default, whatever the file says of others.
constexpr float kProjectorNormEps = 1e-5f;

struct Names {
  std::string tower;
  std::string projector;
};

Names find_names(const checkpoint::Checkpoint& checkpoint, const Config& config) {
  return {find_tower(checkpoint, config.vision, {"vision_tower.", "model.vision_tower."}),
          find_prefix(checkpoint, {"multi_modal_projector.", "model.multi_modal_projector."},
                      "linear_1.weight")};
}

class InternVl : public TextModel {
 public:
  InternVl(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
           nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        config_(config),
        vision_(config.vision, weights, names.tower),
        norm_(nn::LayerNorm::load(weights, names.projector + "layer_norm", joined_size(),
                                  kProjectorNormEps)),
        projector_(load_projector(weights, names.projector, joined_size(),
                                  config.text.decoder.hidden_size, true,
                                  config.projector_activation)) {}

  Tensor encode(const media::Patches& patches) override {
    const Tensor features = vision_.forward(device(), patches);
    const Tensor neighbours = gather_neighbours(features, patches.grid);
    return projector_.forward_f32(device(), norm_.forward(device(), neighbours));
  }

 private:
  std::int64_t joined_size() const {
    return config_.vision.hidden_size * config_.downsample * config_.downsample;
  }

  /// [tokens, joined_size]: patches that make a token side by side, class tokens left out.
  Tensor gather_neighbours(const Tensor& features, const media::PatchGrid& grid) {
    std::vector<std::int32_t> order =
        nn::neighbour_order(grid.tiles, grid.h, grid.w, config_.downsample);
    const std::int32_t patches = grid.h * grid.w;
    for (std::int32_t& row : order) row += row / patches + 1;  // a class token before every tile
    const auto rows = static_cast<std::int64_t>(order.size());
    Tensor neighbours = device().empty(DType::kF32, {rows, config_.vision.hidden_size});
    device().gather(neighbours, features, order);
    return neighbours.view_as({rows / config_.downsample / config_.downsample, joined_size()});
  }

  Config config_;
  nn::Vit vision_;
  nn::LayerNorm norm_;
  nn::Mlp projector_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint, config);
  return describe_vlm(
      checkpoint, "internvl",
      {describe_part(checkpoint, "vision tower", tower_summary(config.vision), {names.tower}),
       describe_part(checkpoint, "projector",
                     fmt::format("{0}x{0} patches to a token", config.downsample),
                     {names.projector})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const LoadProgress& progress) {
  nn::WeightLoader weights(checkpoint, device, progress);
  const Config config = read_config(checkpoint);
  return std::make_unique<InternVl>(config, find_names(checkpoint, config), checkpoint, weights);
}

}  // namespace

Family family() {
  return {"internvl", describe, load_model, load_processor};
}

}  // namespace saccade::models::internvl
