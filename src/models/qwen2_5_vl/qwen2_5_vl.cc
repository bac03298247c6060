#include "models/qwen2_5_vl/qwen2_5_vl.h"

#include "base/error.h"
#include "models/qwen2_5_vl/vision.h"
#include "nn/decoder.h"

namespace saccade::models::qwen2_5_vl {
namespace {

/// Tensor names differ between the published files and what transformers 5 writes.
struct Names {
  std::string vision;   // "visual."
  std::string decoder;  // "model"
  std::string head = "lm_head";
};

Names find_names(const checkpoint::Checkpoint& checkpoint) {
  Names names;
  for (const char* vision : {"visual.", "model.visual."}) {
    if (checkpoint.has(std::string(vision) + "patch_embed.proj.weight")) names.vision = vision;
  }
  for (const char* decoder : {"model", "model.language_model", "language_model.model"}) {
    if (checkpoint.has(std::string(decoder) + ".embed_tokens.weight")) names.decoder = decoder;
  }
  if (names.vision.empty() || names.decoder.empty()) {
    fail("{}: the weights hold no {} under any name known for qwen2_5_vl",
         checkpoint.where(),
         names.vision.empty() ? "visual.patch_embed.proj.weight" : "model.embed_tokens.weight");
  }
  if (names.decoder == "language_model.model") names.head = "language_model.lm_head";
  return names;
}

class Qwen25Vl : public Model {
 public:
  Qwen25Vl(const Config& config, const Names& names, nn::WeightLoader& weights)
      : config_(config),
        device_(weights.device()),
        vision_(config.vision, weights, names.vision),
        decoder_(config.text, weights, names.decoder, names.head),
        rotary_(
            nn::multimodal_rotary(config.rope_theta, config.text.head_dim, config.mrope_section)) {}

  compute::KvLayout kv_layout() const override { return config_.text.kv_layout(); }
  std::int64_t vocab_size() const override { return config_.text.vocab_size; }
  std::int64_t hidden_size() const override { return config_.text.hidden_size; }

  Tensor encode(const media::Patches& patches) override {
    return vision_.forward(device_, patches);
  }

  Tensor forward(const Batch& batch, compute::KvCache& cache) override {
    const auto rows = static_cast<std::int64_t>(batch.token_ids.size());
    const Tensor hidden_states = decoder_.embed(device_, batch.token_ids);
    for (const EmbeddingRows& part : batch.embeddings) {
      std::vector<std::int32_t> to(part.count);
      for (std::int64_t i = 0; i < part.count; ++i) to[i] = static_cast<std::int32_t>(part.row + i);
      device_.scatter(hidden_states, part.embeddings->view_rows(part.first, part.count), to);
    }
    const nn::RotaryTable table = nn::make_rotary_table(device_, rotary_, batch.positions, rows);
    decoder_.forward(device_, hidden_states, table, cache, batch.spans);
    Tensor wanted = device_.empty(
        DType::kF32, {static_cast<std::int64_t>(batch.logits_rows.size()), hidden_size()});
    device_.gather(wanted, hidden_states, batch.logits_rows);
    return decoder_.logits(device_, wanted);
  }

 private:
  Config config_;
  compute::Device& device_;
  VisionTower vision_;
  nn::Decoder decoder_;
  nn::RotaryAxes rotary_;
};

std::string layers(int count) {
  return fmt::format("{} layer{}", count, count == 1 ? "" : "s");
}

Description describe(const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(checkpoint);
  const Names names = find_names(checkpoint);
  const VisionConfig& vision = config.vision;
  const nn::DecoderConfig& text = config.text;
  Description description;
  description.family = "qwen2_5_vl";
  description.parts = {
      describe_part(
          checkpoint, "vision tower",
          fmt::format("{} ({} with full attention), hidden {}, {} heads, "
                      "patch {}, window {} px",
                      layers(vision.depth), vision.full_attention_blocks.size(), vision.hidden_size,
                      vision.num_heads, vision.patch_size, vision.window_size),
          {names.vision + "patch_embed", names.vision + "blocks"}),
      describe_part(checkpoint, "merger",
                    fmt::format("{0}x{0} patches to a token", vision.spatial_merge_size),
                    {names.vision + "merger"}),
      describe_part(
          checkpoint, "decoder",
          fmt::format("{}, hidden {}, {} heads, {} key-value heads of {}", layers(text.num_layers),
                      text.hidden_size, text.num_heads, text.num_kv_heads, text.head_dim),
          {names.decoder + ".layers", names.decoder + ".norm"}),
      describe_part(checkpoint, "embeddings",
                    text.tie_word_embeddings ? "shared with the output head" : "and output head",
                    {names.decoder + ".embed_tokens", names.head}),
  };
  description.vocab_size = text.vocab_size;
  description.context_length = config.context_length;
  description.kv_layout = text.kv_layout();
  return description;
}

std::unique_ptr<Model> load_model(const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                                  const LoadProgress& progress) {
  nn::WeightLoader weights(checkpoint, device, progress);
  return std::make_unique<Qwen25Vl>(read_config(checkpoint), find_names(checkpoint), weights);
}

}  // namespace

Family family() {
  return {"qwen2_5_vl", describe, load_model, load_processor};
}

}  // namespace saccade::models::qwen2_5_vl
