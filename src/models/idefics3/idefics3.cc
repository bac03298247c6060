#include "models/idefics3/idefics3.h"

#include "base/error.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::idefics3 {
namespace {

constexpr const char* kProjection = "connector.modality_projection.proj";

struct Names {
  std::string tower;
  std::string connector;  // what stands before "connector."
};

Names find_names(const checkpoint::Checkpoint& checkpoint, const Config& config) {
  return {find_tower(checkpoint, config.vision, {"model.vision_model.", "vision_model."}),
          find_prefix(checkpoint, {"model.", ""}, std::string(kProjection) + ".weight")};
}

class Idefics3 : public TextModel {
 public:
  Idefics3(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
           nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        config_(config),
        vision_(config.vision, weights, names.tower),
        projection_(nn::Linear::load(weights, names.connector + kProjection,
                                     config.text.decoder.hidden_size, joined_size(), false)) {}

  Tensor encode(const media::Patches& patches) override {
    const media::PatchGrid& grid = patches.grid;
    const int factor = config_.scale_factor;
    if (grid.h % factor != 0 || grid.w % factor != 0) {
      fail("[connector] tiles of {} x {} patches do not divide by the scale factor {}", grid.h,
           grid.w, factor);
    }
    const Tensor features =
        vision_.forward(device(), patches,
                        nn::bucketed_positions(patches.tile_sizes(), config_.vision.grid_height));
    const std::vector<std::int32_t> order = nn::neighbour_order(grid.tiles, grid.h, grid.w, factor);
    Tensor neighbours = device().empty(DType::kF32, features.shape());
    device().gather(neighbours, features, order);
    return projection_.forward_f32(
        device(), neighbours.view_as({features.rows() / factor / factor, joined_size()}));
  }

 private:
  std::int64_t joined_size() const {
    return config_.vision.hidden_size * config_.scale_factor * config_.scale_factor;
  }

  Config config_;
  nn::Vit vision_;
  nn::Linear projection_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint, config);
  return describe_vlm(
      checkpoint, config.model_type,
      {describe_part(checkpoint, "vision tower", tower_summary(config.vision), {names.tower}),
       describe_part(checkpoint, "connector",
                     fmt::format("{0}x{0} patches to a token", config.scale_factor),
                     {names.connector + "connector"})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  const Config config = read_config(checkpoint);
  return std::make_unique<Idefics3>(config, find_names(checkpoint, config), checkpoint, weights);
}

}  // namespace

Family family() {
  return {"idefics3", describe, load_model, load_processor};
}

Family smolvlm_family() {
  return {"smolvlm", describe, load_model, load_processor};
}

}  // namespace saccade::models::idefics3
