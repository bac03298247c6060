#include "models/gemma3/gemma3.h"

#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::gemma3 {
namespace {

struct Names {
  std::string tower;  // published files have "vision_tower.vision_model."
  std::string projector;
};

Names find_names(const checkpoint::Checkpoint& checkpoint, const Config& config) {
  return {find_tower(checkpoint, config.vision,
                     {"vision_tower.vision_model.", "vision_tower.",
                      "model.vision_tower.vision_model.", "model.vision_tower."}),
          find_prefix(checkpoint, {"multi_modal_projector.", "model.multi_modal_projector."},
                      "mm_soft_emb_norm.weight")};
}

class Gemma3 : public TextModel {
 public:
  Gemma3(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
         nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        config_(config),
        vision_(config.vision, weights, names.tower),
        norm_(nn::RmsNorm::load(weights, names.projector + "mm_soft_emb_norm",
                                config.vision.hidden_size, config.vision.norm_eps, true)),
        projection_(load_projection(weights, names.projector + "mm_input_projection_weight")) {}

  Tensor encode(const media::Patches& patches) override {
    const Tensor features = vision_.forward(device(), patches);
    const Tensor tokens = nn::mean_of_neighbours(device(), features, patches.grid, config_.pool());
    return projection_.forward_f32(device(), norm_.forward(device(), tokens));
  }

 private:
  /// The projection is stored the other way round, [inputs, outputs].
  nn::Linear load_projection(nn::WeightLoader& weights, const std::string& name) const {
    const std::int64_t inputs = config_.vision.hidden_size;
    const std::int64_t outputs = config_.text.decoder.hidden_size;
    const Tensor stored = weights.table(name, inputs, outputs);
    std::vector<float> values(inputs * outputs);
    weights.device().download(values.data(), stored);
    std::vector<float> turned(inputs * outputs);
    for (std::int64_t i = 0; i < inputs; ++i) {
      for (std::int64_t o = 0; o < outputs; ++o) turned[o * inputs + i] = values[i * outputs + o];
    }
    const HostMatrix matrix = float_matrix(
        {DType::kF32, {outputs, inputs}, reinterpret_cast<const std::byte*>(turned.data())});
    return {weights.device().pack({&matrix, 1}), {}};
  }

  Config config_;
  nn::Vit vision_;
  nn::RmsNorm norm_;
  nn::Linear projection_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint, config);
  return describe_vlm(
      checkpoint, "gemma3",
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
  return std::make_unique<Gemma3>(config, find_names(checkpoint, config), checkpoint, weights);
}

}  // namespace

Family family() {
  return {"gemma3", describe, load_model, load_processor};
}

}  // namespace saccade::models::gemma3
