#include "models/vision_towers.h"

#include "base/error.h"
#include "models/config_reading.h"

namespace saccade::models {
namespace {

/// What transformers' configuration classes take where the file is silent.
struct TowerDefaults {
  int hidden_size = 768;
  int intermediate_size = 3072;
  int num_layers = 12;
  int num_heads = 12;
  int image_size = 224;
  int patch_size = 16;
  std::string_view activation = "gelu_pytorch_tanh";
  double norm_eps = 1e-6;
};

/// A side length: one number, or a list of two equal ones if `square`.
std::array<int, 2> read_sides(const JsonObject& config, std::string_view key, int otherwise) {
  if (!config.has(key)) return {otherwise, otherwise};
  if (!config.at(key).is_array()) {
    const int side = read_int(config, key, 1, 1 << 15);
    return {side, side};
  }
  const std::vector<std::int64_t> sides = config.integers(key);
  if (sides.size() != 2 || sides[0] < 1 || sides[0] > (1 << 15) || sides[1] < 1 ||
      sides[1] > (1 << 15)) {
    fail("{}: {} must be one or two sizes, found {}", config.where(), key,
         boost::json::serialize(config.at(key)));
  }
  return {static_cast<int>(sides[0]), static_cast<int>(sides[1])};
}

nn::VitConfig read_tower(const JsonObject& config, const TowerDefaults& defaults) {
  nn::VitConfig tower;
  tower.hidden_size = read_int_or(config, "hidden_size", defaults.hidden_size, 1, kMaxSize);
  tower.intermediate_size =
      read_int_or(config, "intermediate_size", defaults.intermediate_size, 1, kMaxSize);
  tower.num_layers = read_int_or(config, "num_hidden_layers", defaults.num_layers, 1, kMaxLayers);
  tower.num_heads = read_int_or(config, "num_attention_heads", defaults.num_heads, 1, kMaxHeads);
  if (tower.hidden_size % tower.num_heads != 0) {
    fail("{}: hidden_size {} does not divide among {} heads", config.where(), tower.hidden_size,
         tower.num_heads);
  }
  read_int_or(config, "num_channels", 3, 3, 3);
  const std::array<int, 2> patch = read_sides(config, "patch_size", defaults.patch_size);
  if (patch[0] != patch[1]) {
    fail("{}: patch_size {} x {} is not supported; square patches are", config.where(), patch[0],
         patch[1]);
  }
  tower.patch_size = patch[0];
  const std::array<int, 2> image = read_sides(config, "image_size", defaults.image_size);
  tower.grid_height = image[0] / patch[0];
  tower.grid_width = image[1] / patch[0];
  if (tower.grid_height < 1 || tower.grid_width < 1) {
    fail("{}: image_size {} x {} is smaller than a patch of {}", config.where(), image[0], image[1],
         patch[0]);
  }
  tower.activation = read_activation(config, "hidden_act", defaults.activation);
  tower.norm_eps = static_cast<float>(config.number_or("layer_norm_eps", defaults.norm_eps));
  tower.features = {tower.num_layers};
  return tower;
}

/// Names that CLIP and SigLIP share.
nn::VitNames clip_names() {
  return {.patch = "embeddings.patch_embedding",
          .position = "embeddings.position_embedding.weight",
          .post_norm = "post_layernorm",
          .layers = "encoder.layers",
          .attention_norm = "layer_norm1",
          .query = "self_attn.q_proj",
          .key = "self_attn.k_proj",
          .value = "self_attn.v_proj",
          .output = "self_attn.out_proj",
          .mlp_norm = "layer_norm2",
          .mlp = "mlp"};
}

nn::VitNames siglip_names() {
  nn::VitNames names = clip_names();
  names.pooling_head = "head";
  return names;
}

/// SigLIP for pictures of any size, as the Idefics models have it.
nn::VitConfig siglip_of_any_grid(const JsonObject& vision, const TowerDefaults& defaults) {
  nn::VitConfig tower = read_tower(vision, defaults);
  tower.names = siglip_names();
  tower.any_grid = true;
  tower.apply_post_norm = true;
  return tower;
}

}  // namespace

nn::VitConfig clip_tower(const JsonObject& vision) {
  nn::VitConfig tower =
      read_tower(vision, {.patch_size = 32, .activation = "quick_gelu", .norm_eps = 1e-5});
  tower.names = clip_names();
  tower.names.class_token = "embeddings.class_embedding";
  tower.names.pre_norm = "pre_layrnorm";  // sic
  tower.patch_bias = false;
  return tower;
}

nn::VitConfig siglip_tower(const JsonObject& vision) {
  nn::VitConfig tower = read_tower(vision, {});
  tower.names = siglip_names();
  return tower;
}

nn::VitConfig idefics2_tower(const JsonObject& vision) {
  return siglip_of_any_grid(vision, {.patch_size = 32});
}

nn::VitConfig idefics3_tower(const JsonObject& vision) {
  return siglip_of_any_grid(vision, {.hidden_size = 1152, .num_heads = 16, .patch_size = 32});
}

nn::VitConfig intern_tower(const JsonObject& vision) {
  nn::VitConfig tower = read_tower(vision, {.hidden_size = 1024,
                                            .intermediate_size = 4096,
                                            .num_layers = 24,
                                            .num_heads = 16,
                                            .image_size = 448,
                                            .patch_size = 14,
                                            .activation = "gelu"});
  tower.names = {.patch = "embeddings.patch_embeddings.projection",
                 .class_token = "embeddings.cls_token",
                 .position = "embeddings.position_embeddings",
                 .post_norm = "layernorm",
                 .layers = "encoder.layer",
                 .attention_norm = "layernorm_before",
                 .query = "attention.q_proj",
                 .key = "attention.k_proj",
                 .value = "attention.v_proj",
                 .output = "attention.projection_layer",
                 .attention_scale = "lambda_1",
                 .mlp_norm = "layernorm_after",
                 .mlp = "mlp",
                 .mlp_scale = "lambda_2"};
  tower.attention_bias = vision.boolean_or("attention_bias", false);
  if (vision.boolean_or("use_qk_norm", false)) {
    tower.names.query_norm = "attention.q_norm";
    tower.names.key_norm = "attention.k_norm";
  }
  const std::string norm = vision.string_or("norm_type", "layer_norm");
  if (norm != "layer_norm" && norm != "rms_norm") {
    fail("{}: norm_type \"{}\" is not supported; \"layer_norm\" and \"rms_norm\" are",
         vision.where(), norm);
  }
  tower.rms_norms = norm == "rms_norm";
  if (!vision.boolean_or("use_absolute_position_embeddings", true)) {
    fail("{}: use_absolute_position_embeddings false is not supported", vision.where());
  }
  return tower;
}

nn::VitConfig pixtral_tower(const JsonObject& vision) {
  nn::VitConfig tower = read_tower(vision, {.hidden_size = 1024,
                                            .intermediate_size = 4096,
                                            .num_layers = 24,
                                            .num_heads = 16,
                                            .image_size = 1024,
                                            .activation = "gelu"});
  tower.names = {.patch = "patch_conv",
                 .pre_norm = "ln_pre",
                 .layers = "transformer.layers",
                 .attention_norm = "attention_norm",
                 .query = "attention.q_proj",
                 .key = "attention.k_proj",
                 .value = "attention.v_proj",
                 .output = "attention.o_proj",
                 .mlp_norm = "ffn_norm",
                 .mlp = "feed_forward"};
  tower.patch_bias = tower.attention_bias = tower.output_bias = tower.mlp_bias = false;
  tower.rms_norms = tower.gated_mlp = true;
  tower.norm_eps = 1e-5f;  // fixed in the reference implementation, not in the file
  tower.rope_theta = vision.number_or("rope_theta", 10000.0);
  if (vision.has("rope_parameters")) {
    const JsonObject rope = vision.object("rope_parameters");
    const std::string type = rope.string_or("rope_type", "axial");
    if (type != "axial" && type != "default") {
      fail("{}: rope_type \"{}\" is not supported; \"axial\" is", rope.where(), type);
    }
    tower.rope_theta = rope.number_or("rope_theta", tower.rope_theta);
  }
  if (!(tower.rope_theta > 0.0) || tower.head_dim() % 4 != 0) {
    fail("{}: rope_theta {} and heads of {}: wanted a positive one and a multiple of 4",
         vision.where(), tower.rope_theta, tower.head_dim());
  }
  if (vision.integer_or("head_dim", tower.head_dim()) != tower.head_dim()) {
    fail("{}: head_dim {} differs from hidden_size / num_attention_heads, {}", vision.where(),
         vision.integer("head_dim"), tower.head_dim());
  }
  return tower;
}

std::vector<int> read_feature_layers(const JsonObject& top, int num_layers, int otherwise) {
  std::vector<std::int64_t> layers = {otherwise};
  if (top.has("vision_feature_layer")) {
    layers = top.at("vision_feature_layer").is_array()
                 ? top.integers("vision_feature_layer")
                 : std::vector<std::int64_t>{top.integer("vision_feature_layer")};
  }
  std::vector<int> depths;
  for (const std::int64_t layer : layers) {
    const std::int64_t depth = layer < 0 ? layer + num_layers + 1 : layer;
    if (depth < 0 || depth > num_layers) {
      fail("{}: vision_feature_layer {} of a tower of {} layers", top.where(), layer, num_layers);
    }
    depths.push_back(static_cast<int>(depth));
  }
  if (depths.empty()) fail("{}: vision_feature_layer is empty", top.where());
  return depths;
}

std::string find_tower(const checkpoint::Checkpoint& checkpoint, const nn::VitConfig& tower,
                       const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (checkpoint.has(prefix + tower.names.patch + ".weight")) return prefix;
  }
  fail("{}: the weights hold no {}{}.weight under any name known", checkpoint.where(), prefixes[0],
       tower.names.patch);
}

std::string tower_summary(const nn::VitConfig& tower) {
  std::string summary = fmt::format("{} layer{}, hidden {}, {} heads, patch {}", tower.num_layers,
                                    tower.num_layers == 1 ? "" : "s", tower.hidden_size,
                                    tower.num_heads, tower.patch_size);
  if (tower.rope_theta > 0.0) return summary + ", any size";
  return summary + fmt::format(", {} x {} px", tower.grid_width * tower.patch_size,
                               tower.grid_height * tower.patch_size);
}

}  // namespace saccade::models
