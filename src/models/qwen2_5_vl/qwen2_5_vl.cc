#include "models/qwen2_5_vl/qwen2_5_vl.h"

#include "base/error.h"
#include "models/qwen2_5_vl/vision.h"
#include "models/text_model.h"

namespace saccade::models::qwen2_5_vl {
namespace {

/// The prefix of the tower's tensors: published files, and what transformers 5 may write.
std::string find_vision(const checkpoint::Checkpoint& checkpoint) {
  for (const char* prefix : {"visual.", "model.visual."}) {
    if (checkpoint.has(std::string(prefix) + "patch_embed.proj.weight")) return prefix;
  }
  fail("{}: the weights hold no visual.patch_embed.proj.weight under any name known",
       checkpoint.where());
}

class Qwen25Vl : public TextModel {
 public:
  Qwen25Vl(const Config& config, const checkpoint::Checkpoint& checkpoint,
           nn::WeightLoader& weights)
      : TextModel(config.text, find_decoder(checkpoint), weights),
        vision_(config.vision, weights, find_vision(checkpoint)) {}

  Tensor encode(const media::Patches& patches) override {
    return vision_.forward(device(), patches);
  }

 private:
  VisionTower vision_;
};

std::string layers(int count) {
  return fmt::format("{} layer{}", count, count == 1 ? "" : "s");
}

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const std::string prefix = find_vision(checkpoint);
  const VisionConfig& vision = config.vision;
  Description description;
  description.family = "qwen2_5_vl";
  description.parts = {
      describe_part(
          checkpoint, "vision tower",
          fmt::format("{} ({} with full attention), hidden {}, {} heads, "
                      "patch {}, window {} px",
                      layers(vision.depth), vision.full_attention_blocks.size(), vision.hidden_size,
                      vision.num_heads, vision.patch_size, vision.window_size),
          {prefix + "patch_embed", prefix + "blocks"}),
      describe_part(checkpoint, "merger",
                    fmt::format("{0}x{0} patches to a token", vision.spatial_merge_size),
                    {prefix + "merger"}),
  };
  for (PartDescription& part :
       describe_decoder(checkpoint, find_decoder(checkpoint), config.text)) {
    description.parts.push_back(std::move(part));
  }
  description.vocab_size = config.text.vocab_size;
  description.context_length = config.context_length;
  description.kv_layout = config.text.kv_layout();
  return description;
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const LoadProgress& progress) {
  nn::WeightLoader weights(checkpoint, device, progress);
  return std::make_unique<Qwen25Vl>(read_config(checkpoint), checkpoint, weights);
}

}  // namespace

Family family() {
  return {"qwen2_5_vl", describe, load_model, load_processor};
}

}  // namespace saccade::models::qwen2_5_vl
