// The vision transformer (Dosovitskiy et al., 2021) in the forms that model families use: patch
// embedding, learned or rotary positions, and a pre-norm encoder.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "media/patches.h"
#include "nn/layers.h"
#include "nn/rotary.h"

namespace saccade::nn {

/// Tensor names of a tower, all below its prefix. An empty name: the tower has no such part.
struct VitNames {
  std::string patch;         ///< linear map of a patch
  std::string class_token;   ///< vector that stands before the patches
  std::string position;      ///< table of learned positions
  std::string pre_norm;      ///< before the encoder
  std::string post_norm;     ///< after it
  std::string pooling_head;  ///< makes one row of all, for classifiers: it may be there, unused
  std::string layers;        ///< "encoder.layers"; the rest are names in a layer
  std::string attention_norm;
  std::string query;
  std::string key;
  std::string value;
  std::string output;
  std::string query_norm;
  std::string key_norm;
  std::string attention_scale;  ///< factors of what attention adds (layer scale)
  std::string mlp_norm;
  std::string mlp;  ///< gate_proj, up_proj and down_proj if gated, else fc1 and fc2
  std::string mlp_scale;
};

struct VitConfig {
  VitNames names;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int patch_size = 0;
  /// Patches along the sides of the picture that learned positions are for; 0 with rotary ones.
  int grid_height = 0;
  int grid_width = 0;
  bool any_grid = false;    ///< position ids come with each picture, which need not have that grid
  double rope_theta = 0.0;  ///< over 0: two-dimensional rotary positions, for any grid
  compute::Activation activation = compute::Activation::kGelu;
  float norm_eps = 1e-6f;
  bool rms_norms = false;
  bool gated_mlp = false;
  bool patch_bias = true;
  bool attention_bias = true;  ///< of queries, keys and values
  bool output_bias = true;     ///< of attention's output
  bool mlp_bias = true;
  /// Depths, in layers, whose hidden states are the result, side by side. Layers beyond the deepest
  /// are not loaded.
  std::vector<int> features;
  bool apply_post_norm = false;  ///< to the result; a layer norm, whatever the others are

  int head_dim() const { return static_cast<int>(hidden_size) / num_heads; }
  bool has_class_token() const { return !names.class_token.empty(); }
  std::int64_t patch_elements() const { return std::int64_t{3} * patch_size * patch_size; }
  std::int64_t output_size() const {
    return hidden_size * static_cast<std::int64_t>(features.size());
  }
};

/// A tower over the tiles of one picture; the patches of a tile see each other and no more.
class Vit {
 public:
  Vit(VitConfig config, WeightLoader& weights, const std::string& prefix);

  const VitConfig& config() const { return config_; }

  /// Hidden states [tiles * (class token + patches of a tile), output_size], tile after tile, the
  /// class token first. With `any_grid`, position_ids [patches of all tiles] name rows of the
  /// position table. Throws Error when the patches are not what the tower takes.
  Tensor forward(Device& device, const media::Patches& patches,
                 std::span<const std::int32_t> position_ids = {}) const;

 private:
  using Norm = std::variant<LayerNorm, RmsNorm>;
  struct Layer {
    Norm attention_norm;
    Linear qkv;
    std::optional<RmsNorm> query_norm;
    std::optional<RmsNorm> key_norm;
    Linear output;
    Tensor attention_scale;  // [hidden_size] or empty
    Norm mlp_norm;
    std::variant<Mlp, GatedMlp> mlp;
    Tensor mlp_scale;  // [hidden_size] or empty
  };
  Norm load_norm(WeightLoader& weights, const std::string& name) const;
  Layer load_layer(WeightLoader& weights, const std::string& name) const;
  void load_embeddings(WeightLoader& weights, const std::string& prefix);
  /// Files hold the whole tower, also what lies behind the deepest feature.
  void leave_out_rest(WeightLoader& weights, const std::string& prefix, int depth) const;
  void check(const media::Patches& patches, std::span<const std::int32_t> position_ids) const;
  Tensor embed(Device& device, const media::Patches& patches,
               std::span<const std::int32_t> position_ids) const;
  /// What the heads gather for normed rows, [rows, hidden_size].
  Tensor attend(Device& device, const Layer& layer, const Tensor& normed, const RotaryTable* rotary,
                std::span<const std::int64_t> ends) const;
  void run_layer(Device& device, const Layer& layer, const Tensor& hidden_states,
                 const RotaryTable* rotary, std::span<const std::int64_t> ends) const;

  VitConfig config_;
  Linear patch_;
  Tensor class_token_;  // [1, hidden_size] or empty
  Tensor positions_;    // [places, hidden_size] or empty
  std::optional<Norm> pre_norm_;
  std::vector<Layer> layers_;
  std::optional<LayerNorm> post_norm_;
};

/// For tiles of these sizes with `extra` rows besides their patches, where the rows of each end.
std::vector<std::int64_t> tile_ends(std::span<const media::Size> tiles, std::int64_t extra = 0);

/// Position ids of the patches of tiles of these sizes, for towers that meet any grid with one
/// table of `grid_side` x `grid_side` positions (NaViT as Idefics has it): a patch takes the row
/// and column of the table that its own fraction of the way falls into. In transformers' float32,
/// whose rounding moves some patches to the bucket before.
std::vector<std::int32_t> bucketed_positions(const std::vector<media::Size>& tiles, int grid_side);

/// The order that puts every `factor` x `factor` neighbours of [tiles, height, width] rows side by
/// side, row by row: [tiles * height / factor * width / factor * factor^2]. Viewed with factor^2 as
/// many columns, the gathered rows are what pixel shuffling makes of them.
std::vector<std::int32_t> neighbour_order(std::int64_t tiles, int height, int width, int factor);

/// The means of `side` x `side` patches of each tile, [tiles * h / side * w / side, columns of
/// features], in reading order.
Tensor mean_of_neighbours(Device& device, const Tensor& features, const media::PatchGrid& grid,
                          int side);

}  // namespace saccade::nn
