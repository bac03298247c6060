#include "models/mistral3/mistral3.h"

#include "base/error.h"
#include "models/pixtral_processor.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::mistral3 {
namespace {

struct Names {
  std::string tower;
  std::string projector;
};

Names find_names(const checkpoint::Checkpoint& checkpoint, const Config& config) {
  return {find_tower(checkpoint, config.vision, {"vision_tower.", "model.vision_tower."}),
          find_prefix(checkpoint, {"multi_modal_projector.", "model.multi_modal_projector."},
                      "linear_1.weight")};
}

class Mistral3 : public TextModel {
 public:
  Mistral3(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
           nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        config_(config),
        vision_(config.vision, weights, names.tower),
        norm_(nn::RmsNorm::load(weights, names.projector + "norm", config.vision.hidden_size,
                                config.text.decoder.rms_norm_eps)),
        merger_(nn::Linear::load(weights, names.projector + "patch_merger.merging_layer",
                                 config.vision.hidden_size, merged_size(), false)),
        projector_(load_projector(weights, names.projector, config.vision.hidden_size,
                                  config.text.decoder.hidden_size, config.projector_bias,
                                  config.projector_activation)) {}

  Tensor encode(const media::Patches& patches) override {
    const Tensor features = norm_.forward(device(), vision_.forward(device(), patches));
    const Tensor merged = merger_.forward(device(), gather_neighbours(features, patches.grid));
    return projector_.forward_f32(device(), merged);
  }

 private:
  std::int64_t merged_size() const {
    return config_.vision.hidden_size * config_.merge_size * config_.merge_size;
  }

  /// [tokens, merged_size]: the patches of a token, channel by channel, as the merger's weights
  /// have them.
  Tensor gather_neighbours(const Tensor& features, const media::PatchGrid& grid) {
    const int merge = config_.merge_size;
    if (grid.h % merge != 0 || grid.w % merge != 0) {
      fail("[patch merger] {} x {} patches do not divide by {}", grid.h, grid.w, merge);
    }
    Tensor ordered = device().empty(DType::kF32, features.shape());
    device().gather(ordered, features, nn::neighbour_order(grid.tiles, grid.h, grid.w, merge));
    const std::int32_t count = merge * merge;
    std::vector<std::int32_t> columns(merged_size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto column = static_cast<std::int32_t>(i);
      columns[i] =
          column % count * static_cast<std::int32_t>(config_.vision.hidden_size) + column / count;
    }
    Tensor merged = device().empty(DType::kF32, {features.rows() / count, merged_size()});
    device().gather_columns(merged, ordered.view_as(merged.shape()), columns);
    return merged;
  }

  Config config_;
  nn::Vit vision_;
  nn::RmsNorm norm_;
  nn::Linear merger_;
  nn::Mlp projector_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint, config);
  return describe_vlm(
      checkpoint, "mistral3",
      {describe_part(checkpoint, "vision tower", tower_summary(config.vision), {names.tower}),
       describe_part(checkpoint, "projector",
                     fmt::format("{0}x{0} patches to a token", config.merge_size),
                     {names.projector})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const LoadProgress& progress) {
  nn::WeightLoader weights(checkpoint, device, progress);
  const Config config = read_config(checkpoint);
  return std::make_unique<Mistral3>(config, find_names(checkpoint, config), checkpoint, weights);
}

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  return load_pixtral_processor(checkpoint, ProcessorFiles(checkpoint),
                                {config.image_token, config.text.decoder.vocab_size,
                                 config.vision.patch_size, config.merge_size});
}

}  // namespace

Family family() {
  return {"mistral3", describe, load_model, load_processor};
}

}  // namespace saccade::models::mistral3
