// Vision towers of config.json as forms for nn::Vit.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "nn/vit.h"

namespace saccade::models {

/// CLIP's tower (Radford et al., 2021): class token, a norm before the encoder.
nn::VitConfig clip_tower(const JsonObject& vision);

/// SigLIP's tower (Zhai et al., 2023): no class token. Idefics2's, Idefics3's and SmolVLM's are the
/// same with positions for any grid, and normed at the end.
nn::VitConfig siglip_tower(const JsonObject& vision);
nn::VitConfig idefics2_tower(const JsonObject& vision);
nn::VitConfig idefics3_tower(const JsonObject& vision);

/// InternViT (Chen et al., 2024): class token, layer scale, and in its large form query-key norms.
nn::VitConfig intern_tower(const JsonObject& vision);

/// Pixtral's tower (Agrawal et al., 2024): rotary positions in two dimensions, gated MLPs.
nn::VitConfig pixtral_tower(const JsonObject& vision);

/// The depths that vision_feature_layer of config.json means in a tower of `num_layers`: one number
/// or a list, negative ones counted from the end as transformers counts hidden states.
std::vector<int> read_feature_layers(const JsonObject& top, int num_layers, int otherwise);

/// The first of `prefixes` under which the checkpoint has the tower's patch embedding. Throws Error
/// when there is none.
std::string find_tower(const checkpoint::Checkpoint& checkpoint, const nn::VitConfig& tower,
                       const std::vector<std::string>& prefixes);

/// "24 layers, hidden 1024, 16 heads, patch 14, 336 px"
std::string tower_summary(const nn::VitConfig& tower);

}  // namespace saccade::models
