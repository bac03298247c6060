#include "models/qwen3_vl/qwen3_vl.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "models/config_reading.h"
#include "models/qwen_vl/model.h"
#include "models/qwen_vl/plain_tower.h"
#include "models/qwen_vl/processor.h"
#include "models/text/experts.h"

namespace saccade::models::qwen3_vl {
namespace {

TextFamily text_family() {
  return {
      .model_type = "qwen3_vl_text",
      .architecture = {},
      .head_dim = 128,
      .rope_theta = 500000.0,
      .context_length = 128000,
      .attention_bias = AttentionBias::kAsConfigured,
      .rope_axes = RopeAxes::kInterleaved,
      .qk_norm = true,
  };
}

/// The decoder of the mixtures of experts.
TextFamily moe_text_family() {
  TextFamily family = text_family();
  family.model_type = "qwen3_vl_moe_text";
  family.finish = [](const JsonObject& text, const JsonObject&, nn::DecoderConfig& decoder) {
    // Shares always add up to 1: norm_topk_prob is not read.
    text_families::read_experts(
        text,
        {.num_experts = 60, .experts_per_token = 4, .intermediate_size = 1408, .normalize = true},
        decoder);
  };
  return family;
}

struct Config : qwen_vl::Config {
  qwen_vl::VisionConfig vision;
  qwen_vl::PlainTowerForm tower;
};

qwen_vl::VisionConfig read_vision(const JsonObject& config) {
  qwen_vl::VisionConfig vision;
  qwen_vl::read_patching(config, 16, "gelu_pytorch_tanh", vision);
  vision.hidden_size = config.integer_in("hidden_size", 1, kMaxSize);
  vision.intermediate_size = config.integer_in("intermediate_size", 1, kMaxSize);
  vision.out_hidden_size = config.integer_in("out_hidden_size", 1, kMaxSize);
  qwen_vl::check_heads(config, vision);
  return vision;
}

/// The side of the learned grid of positions.
int read_position_side(const JsonObject& config) {
  const std::int64_t positions = config.integer_in("num_position_embeddings", 1, kMaxSize);
  const auto side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(positions))));
  if (std::int64_t{side} * side != positions) {
    fail("{}: num_position_embeddings {} is not a square number", config.where(), positions);
  }
  return side;
}

std::vector<std::int64_t> read_deepstack(const JsonObject& config, int depth, int decoder_layers) {
  if (!config.has("deepstack_visual_indexes")) return {};
  std::vector<std::int64_t> blocks = config.integers("deepstack_visual_indexes");
  const bool inside = std::ranges::all_of(blocks, [&](auto i) { return i >= 0 && i < depth; });
  if (!inside || std::set(blocks.begin(), blocks.end()).size() != blocks.size() ||
      blocks.size() > static_cast<std::size_t>(decoder_layers)) {
    fail(
        "{}: deepstack_visual_indexes [{}] must name different blocks of the tower's {}, and no "
        "more of them than the decoder's {} layers",
        config.where(), fmt::join(blocks, ", "), depth, decoder_layers);
  }
  return blocks;
}

Config read_config(const Form& form, const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject vision = top.object("vision_config");
  const qwen_vl::VisionConfig tower = read_vision(vision);
  Config config{qwen_vl::read_model(checkpoint, form.text(), tower.out_hidden_size), tower, {}};
  config.tower = {
      .patch_bias = true,
      .mlp_up = "mlp.linear_fc1",
      .mlp_down = "mlp.linear_fc2",
      .norm = "norm",
      .merger_up = "linear_fc1",
      .merger_down = "linear_fc2",
      .position_side = read_position_side(vision),
      .deepstack_blocks = read_deepstack(vision, tower.depth, config.text.num_layers),
  };
  if (!form.deepstack && !config.tower.deepstack_blocks.empty()) {
    fail("{}: deepstack_visual_indexes is not supported for {}", vision.where(), form.model_type);
  }
  return config;
}

constexpr Form kDense{"qwen3_vl", text_family, true};
constexpr Form kMoe{"qwen3_vl_moe", moe_text_family, true};

}  // namespace

Description describe(const Form& form, const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(form, checkpoint);
  return qwen_vl::describe(
      checkpoint, form.model_type, config, config.vision,
      form.deepstack ? fmt::format(" ({} with DeepStack)", config.tower.deepstack_blocks.size())
                     : "",
      fmt::format(", {0}x{0} positions", config.tower.position_side));
}

std::unique_ptr<Model> load_model(const Form& form, const checkpoint::Checkpoint& checkpoint,
                                  compute::Device& device, const nn::LoadOptions& options) {
  nn::WeightLoader weights(checkpoint, device, options);
  const Config config = read_config(form, checkpoint);
  return std::make_unique<qwen_vl::VisionLanguageModel<qwen_vl::PlainTower>>(
      config.text, checkpoint, weights,
      qwen_vl::PlainTower(config.vision, config.tower, weights, qwen_vl::find_vision(checkpoint)));
}

std::unique_ptr<Processor> load_processor(const Form& form,
                                          const checkpoint::Checkpoint& checkpoint) {
  const Config config = read_config(form, checkpoint);
  return qwen_vl::make_processor(checkpoint, config, config.vision);
}

Family family() {
  return family_of<kDense>();
}

Family moe_family() {
  return family_of<kMoe>();
}

}  // namespace saccade::models::qwen3_vl
