#include "models/gemma4/gemma4.h"

#include "models/vlm.h"

namespace saccade::models::gemma4 {
namespace {

struct Names {
  std::string tower;
  std::string projector;
};

Names find_names(const checkpoint::Checkpoint& checkpoint) {
  return {find_prefix(checkpoint, {"model.vision_tower.", "vision_tower."},
                      "patch_embedder.input_proj.weight"),
          find_prefix(checkpoint, {"model.embed_vision.", "embed_vision."},
                      "embedding_projection.weight")};
}

class Gemma4 : public TextModel {
 public:
  Gemma4(const Config& config, const Names& names, const checkpoint::Checkpoint& checkpoint,
         nn::WeightLoader& weights)
      : TextModel(config.text.decoder, find_decoder(checkpoint), weights),
        vision_(config.vision, weights, names.tower),
        norm_(nn::RmsNorm::plain(device(), config.vision.hidden_size, config.vision.norm_eps)),
        projection_(nn::Linear::load(weights, names.projector + "embedding_projection",
                                     config.text.decoder.hidden_size, config.vision.hidden_size,
                                     false)) {
    // Sound is not taken, and a model that hears reads texts and pictures without that part.
    for (const char* part : {"audio_tower.", "embed_audio."}) {
      weights.leave_out(part);
      weights.leave_out(std::string("model.") + part);
    }
  }

  Tensor encode(const media::Patches& patches) override {
    const Tensor tokens = vision_.forward(device(), patches);
    return projection_.forward_f32(device(), norm_.forward(device(), tokens));
  }

 private:
  Vision vision_;
  nn::RmsNorm norm_;
  nn::Linear projection_;
};

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint);
  const VisionConfig& vision = config.vision;
  return describe_vlm(
      checkpoint, "gemma4",
      {describe_part(
           checkpoint, "vision tower",
           fmt::format("{} layers, hidden {}, patches of {}, {} x {} to a token", vision.num_layers,
                       vision.hidden_size, vision.patch_size, vision.pool, vision.pool),
           {names.tower}),
       describe_part(checkpoint, "projector",
                     fmt::format("{} to {}", vision.hidden_size, config.text.decoder.hidden_size),
                     {names.projector})},
      config.text);
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  return std::make_unique<Gemma4>(read_config(checkpoint), find_names(checkpoint), checkpoint,
                                  weights);
}

}  // namespace

Family family() {
  return {"gemma4", describe, load_model, load_processor};
}

}  // namespace saccade::models::gemma4
