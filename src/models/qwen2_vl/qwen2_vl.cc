#include "models/qwen2_vl/qwen2_vl.h"

#include "models/config_reading.h"
#include "models/qwen_vl/model.h"
#include "models/qwen_vl/plain_tower.h"
#include "models/qwen_vl/processor.h"

namespace saccade::models::qwen2_vl {
namespace {

TextFamily text_family() {
  return {
      .model_type = "qwen2_vl_text",
      .architecture = {},
      .rms_norm_eps = 1e-5,
      .rope_theta = 1e6,
      .context_length = 32768,
      .sliding_window = 4096,
      .attention_bias = AttentionBias::kQkv,
      .sliding = SlidingLayers::kAsSwitched,
      .rope_axes = RopeAxes::kMultimodal,
  };
}

qwen_vl::PlainTowerForm tower_form() {
  return {
      .mlp_up = "mlp.fc1",
      .mlp_down = "mlp.fc2",
      .norm = "ln_q",
      .merger_up = "mlp.0",
      .merger_down = "mlp.2",
      .deepstack_blocks = {},
  };
}

/// Here vision_config calls the tower's own size embed_dim, and its output's hidden_size.
qwen_vl::VisionConfig read_vision(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject config =
      JsonObject(checkpoint.config(), checkpoint.where("config.json")).object("vision_config");
  qwen_vl::VisionConfig vision;
  qwen_vl::read_patching(config, 14, "quick_gelu", vision);
  vision.hidden_size = config.integer_in("embed_dim", 1, kMaxSize);
  vision.intermediate_size = vision.hidden_size * read_int_or(config, "mlp_ratio", 4, 1, 1024);
  vision.out_hidden_size = config.integer_in("hidden_size", 1, kMaxSize);
  qwen_vl::check_heads(config, vision);
  return vision;
}

qwen_vl::Config read_model(const checkpoint::Checkpoint& checkpoint,
                           const qwen_vl::VisionConfig& vision) {
  return qwen_vl::read_model(checkpoint, text_family(), vision.out_hidden_size);
}

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const qwen_vl::VisionConfig vision = read_vision(checkpoint);
  return qwen_vl::describe(checkpoint, "qwen2_vl", read_model(checkpoint, vision), vision, "", "");
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  const qwen_vl::VisionConfig vision = read_vision(checkpoint);
  return std::make_unique<qwen_vl::VisionLanguageModel<qwen_vl::PlainTower>>(
      read_model(checkpoint, vision).text, checkpoint, weights,
      qwen_vl::PlainTower(vision, tower_form(), weights, qwen_vl::find_vision(checkpoint)));
}

std::unique_ptr<Processor> load_processor(const checkpoint::Checkpoint& checkpoint) {
  const qwen_vl::VisionConfig vision = read_vision(checkpoint);
  return qwen_vl::make_processor(checkpoint, read_model(checkpoint, vision), vision);
}

}  // namespace

Family family() {
  return {"qwen2_vl", describe, load_model, load_processor};
}

}  // namespace saccade::models::qwen2_vl
