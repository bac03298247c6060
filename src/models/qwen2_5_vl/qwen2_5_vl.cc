#include "models/qwen2_5_vl/qwen2_5_vl.h"

#include <fmt/format.h>

#include "models/qwen2_5_vl/vision.h"
#include "models/qwen_vl/model.h"
#include "models/qwen_vl/processor.h"

namespace saccade::models::qwen2_5_vl {
namespace {

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  return qwen_vl::describe(
      checkpoint, "qwen2_5_vl", config, config.vision,
      fmt::format(" ({} with full attention)", config.vision.full_attention_blocks.size()),
      fmt::format(", window {} px", config.vision.window_size));
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  const Config config = read_config(checkpoint);
  return std::make_unique<qwen_vl::VisionLanguageModel<VisionTower>>(
      config.text, checkpoint, weights,
      VisionTower(config.vision, weights, qwen_vl::find_vision(checkpoint)));
}

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  return qwen_vl::make_processor(checkpoint, config, config.vision);
}

}  // namespace

Family family() {
  return {"qwen2_5_vl", describe, load_model, load_processor};
}

}  // namespace saccade::models::qwen2_5_vl
