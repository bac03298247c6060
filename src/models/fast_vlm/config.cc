#include "models/fast_vlm/config.h"

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vlm.h"

namespace saccade::models::fast_vlm {
namespace {

/// One number for each stage, in [1, high].
template <typename Numbers>
void read_stages(const JsonObject& arguments, std::string_view key, std::int64_t high,
                 Numbers& numbers) {
  if (!arguments.has(key)) return;
  const std::vector<std::int64_t> found = arguments.integers(key);
  if (found.size() != numbers.size()) {
    fail("{}: {} must list {} stages, found {}", arguments.where(), key, numbers.size(),
         found.size());
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] < 1 || found[i] > high) {
      fail("{}: {} holds {}; wanted 1 to {}", arguments.where(), key, found[i], high);
    }
    numbers[i] = static_cast<typename Numbers::value_type>(found[i]);
  }
}

/// What timm is told besides the name of the architecture.
void read_arguments(const JsonObject& arguments, TowerConfig& tower) {
  for (const auto& item : arguments.raw()) {
    const std::string_view key = item.key();
    if (item.value().is_null() || key == "inference_mode" || key == "layers" ||
        key == "embed_dims") {
      continue;
    }
    fail("{}: \"{}\" is not supported by this version", arguments.where(), key);
  }
  read_stages(arguments, "layers", kMaxLayers, tower.layers);
  read_stages(arguments, "embed_dims", kMaxSize, tower.widths);
}

/// Channels of a stage come from those of the one before, and divide among heads.
void check_widths(const JsonObject& vision, const TowerConfig& tower) {
  for (int i = 0; i < TowerConfig::kStages; ++i) {
    if (i > 0 && tower.widths[i] % tower.widths[i - 1] != 0) {
      fail("{}: embed_dims: {} channels after {} do not divide", vision.where(), tower.widths[i],
           tower.widths[i - 1]);
    }
    if (i >= kFirstAttentionStage && tower.widths[i] % kHeadDim != 0) {
      fail("{}: embed_dims: {} channels do not divide into heads of {}", vision.where(),
           tower.widths[i], kHeadDim);
    }
  }
  const std::int64_t said = vision.integer_or("hidden_size", tower.output_size());
  if (said != tower.output_size()) {
    fail("{}: hidden_size {} differs from the {} channels that the last stage gives",
         vision.where(), said, tower.output_size());
  }
}

TowerConfig read_tower(const JsonObject& vision) {
  const std::string type = vision.string_or("model_type", "timm_wrapper");
  if (type != "timm_wrapper") {
    fail("{}: model_type \"{}\" is not supported; timm_wrapper is", vision.where(), type);
  }
  const std::string architecture = vision.string("architecture");
  if (architecture != "fastvit_mci3") {
    fail("{}: architecture \"{}\" is not supported; fastvit_mci3 is", vision.where(), architecture);
  }
  TowerConfig tower;
  const bool merged =
      vision.has("model_args") && vision.object("model_args").boolean_or("inference_mode", false);
  if (!merged) {
    fail("{}: model_args without inference_mode is not supported: its branches are not merged",
         vision.where());
  }
  read_arguments(vision.object("model_args"), tower);
  check_widths(vision, tower);
  return tower;
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  Config config;
  config.vision = read_tower(top.object("vision_config"));
  config.text = read_nested_text(top, "qwen2");
  // Either place may say it.
  const JsonObject text = top.object("text_config");
  config.text.decoder.tie_word_embeddings =
      top.boolean_or("tie_word_embeddings", false) || text.boolean_or("tie_word_embeddings", false);
  const std::string strategy = top.string_or("vision_feature_select_strategy", "full");
  if (strategy != "full") {
    fail("{}: vision_feature_select_strategy \"{}\" is not supported; \"full\" is", top.where(),
         strategy);
  }
  if (top.has("vision_feature_layer") && top.integer("vision_feature_layer") != -1) {
    fail("{}: vision_feature_layer {} is not supported; -1 is", top.where(),
         top.integer("vision_feature_layer"));
  }
  config.projector_bias = top.boolean_or("multimodal_projector_bias", true);
  config.projector_activation = read_activation(top, "projector_hidden_act", "gelu");
  config.image_token = read_image_token(top, {"image_token_index", "image_token_id"},
                                        config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::fast_vlm
