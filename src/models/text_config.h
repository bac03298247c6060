// The sizes of a decoder, from config.json, for every family in one reader.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "models/rope_config.h"
#include "nn/decoder.h"

namespace saccade::models {

/// Which maps of attention have a bias.
enum class AttentionBias {
  kNone,
  kQkv,           ///< queries, keys and values
  kAsConfigured,  ///< all four where attention_bias is true
};

/// Which layers see only the last sliding_window tokens.
enum class SlidingLayers {
  kNone,
  kAll,          ///< all, where sliding_window is a number
  kAsSwitched,   ///< those of layer_types, else from max_window_layers on, if use_sliding_window
  kAsPatterned,  ///< those of layer_types, else all but every sliding_window_pattern-th
};

/// What layer_types tells apart.
enum class LayerTypes {
  kSliding,   ///< sliding windows and full attention
  kOfFamily,  ///< kinds of layers that the family reads itself
};

/// A family of decoders as a form: what config.json may leave unsaid, and what it never says.
/// Defaults are those of transformers' configuration classes.
struct TextFamily {
  std::string model_type;    ///< of config.json, or of its text_config
  std::string architecture;  ///< its class in transformers, where a text model can stand alone

  // Where config.json says nothing.
  int head_dim = 0;  ///< 0: hidden_size / num_attention_heads
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  std::int64_t context_length = 2048;
  std::int64_t sliding_window = 0;  ///< 0: none
  int sliding_window_pattern = 0;
  bool tied = false;
  double partial_rotary_factor = 1.0;
  std::string activation = "silu";

  // What the family is.
  std::string activation_key = "hidden_act";
  AttentionBias attention_bias = AttentionBias::kNone;
  bool may_have_mlp_bias = false;  ///< mlp_bias counts
  SlidingLayers sliding = SlidingLayers::kNone;
  LayerTypes layer_types = LayerTypes::kSliding;
  bool all_experts = false;  ///< no layer has a plain MLP, of which config.json may be silent then
  RopeAxes rope_axes = RopeAxes::kText;
  double local_rope_theta = 0.0;  ///< over 0: sliding layers turn by a rotary of their own
  bool may_turn_partly = false;   ///< partial_rotary_factor counts
  bool qk_norm = false;
  bool output_norms = false;
  bool unit_offset_norms = false;
  bool fused_projections = false;

  /// Reads in what layers differ, before rotaries are made for them; may change windows.
  void (*read_layers)(const JsonObject& text, nn::DecoderConfig& decoder) = nullptr;
  /// Whatever else the family reads; may refuse values.
  void (*finish)(const JsonObject& text, const JsonObject& top,
                 nn::DecoderConfig& decoder) = nullptr;
};

struct TextConfig {
  nn::DecoderConfig decoder;
  std::int64_t context_length = 0;
};

/// Reads a decoder's part of config.json, in the layout of transformers 5 and in the older one.
/// `text` is the object with the sizes, `top` the whole file, which may be the same. Throws Error
/// naming the key for anything missing, impossible or not implemented.
TextConfig read_text_config(const TextFamily& family, const JsonObject& text,
                            const JsonObject& top);

/// sqrt(hidden_size) in the precision that transformers computes with: that of the checkpoint
/// (`torch_dtype` or `dtype`).
float square_root_embedding_scale(const JsonObject& text, const JsonObject& top,
                                  std::int64_t hidden_size);

}  // namespace saccade::models
