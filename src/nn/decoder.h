// The decoder-only transformer that Llama-like language models share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compute/sequence_memory.h"
#include "nn/gated_delta_net.h"
#include "nn/layers.h"
#include "nn/moe.h"
#include "nn/rotary.h"

namespace saccade::nn {

/// What a layer has before its MLP.
enum class LayerKind { kAttention, kGatedDelta };

/// All that families of decoders differ in. The defaults are Llama's.
struct DecoderConfig {
  std::int64_t vocab_size = 0;  ///< 0: layers alone, whose rows come from elsewhere
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  float rms_norm_eps = 1e-6f;
  compute::Activation activation = compute::Activation::kSilu;
  bool tie_word_embeddings = false;

  // Which tensors a layer has.
  bool qkv_bias = false;
  bool output_bias = false;  ///< of self_attn.o_proj
  bool mlp_bias = false;     ///< of all three maps
  /// The heads' output is multiplied by the sigmoid of gates, which q_proj gives with the queries:
  /// of each head first the query, then the gate.
  bool attention_gate = false;
  bool qk_norm = false;            ///< every query and key head is normed before it is turned
  bool output_norms = false;       ///< attention and MLP are normed after as well as before (Gemma)
  bool unit_offset_norms = false;  ///< norm weights are stored less 1 (Gemma)
  bool fused_projections = false;  ///< qkv_proj and gate_up_proj are one tensor each (Phi-3)

  MoeConfig moe;                    ///< where some layers have experts
  std::vector<bool> sparse_layers;  ///< which those are; empty: none

  // Factors; those of 1 and caps of 0 cost nothing.
  float embedding_scale = 1.0f;    ///< of token embeddings
  float attention_scale = 0.0f;    ///< of query-key products; 0: head_dim^-0.5
  float attention_softcap = 0.0f;  ///< of scaled query-key products
  float residual_scale = 1.0f;     ///< of what attention and MLP add
  float logits_scale = 1.0f;
  float logits_softcap = 0.0f;

  std::vector<LayerKind> layer_kinds;  ///< of each layer; empty: all have attention
  GatedDeltaConfig gated_delta;        ///< where some layers have that

  std::vector<std::int64_t> windows;  ///< for each layer the keys a token sees, 0: all
  std::vector<RotaryAxes> rotaries;   ///< the distinct ways of turning queries and keys
  std::vector<int> layer_rotary;      ///< for each layer its index in `rotaries`, -1: no turning

  LayerKind kind(int layer) const {
    return layer_kinds.empty() ? LayerKind::kAttention : layer_kinds[layer];
  }
  /// Layers of a kind among the first `layers`.
  int count(LayerKind kind, int layers) const;
  compute::KvLayout kv_layout() const {
    return {count(LayerKind::kAttention, num_layers), num_kv_heads, head_dim};
  }
  compute::StateLayout state_layout() const {
    const int layers = count(LayerKind::kGatedDelta, num_layers);
    return layers > 0 ? gated_delta.state_layout(layers) : compute::StateLayout{};
  }
};

/// Rows that are added to the hidden states after a layer (the DeepStack features of Qwen3-VL).
struct LayerAddition {
  int layer = 0;
  std::int64_t row = 0;  ///< first row of the batch that is added to
  Tensor values;         ///< [rows, hidden_size]
};

/// Pre-norm layers of grouped-query attention with rotary positions and a gated MLP.
class Decoder {
 public:
  /// Loads `prefix`.embed_tokens, .layers.N.*, .norm, and `head` unless the embeddings are tied.
  Decoder(DecoderConfig config, WeightLoader& weights, const std::string& prefix,
          const std::string& head);

  const DecoderConfig& config() const { return config_; }

  /// Embeddings of the tokens int32 [rows], scaled as the layers want them, [rows, hidden_size].
  Tensor embed(Device& device, const Tensor& ids) const;

  /// Runs all layers over a ragged batch, in place, storing what later ones need of it in memory.
  /// hidden_states f32 [rows, hidden_size]; positions int32 [axes, rows], as many axes as the
  /// rotaries use.
  void forward(Device& device, const Tensor& hidden_states, const Tensor& positions,
               const compute::SequenceMemory& memory, const compute::SpanTable& spans,
               std::span<const LayerAddition> additions = {}) const;

  /// Layer outputs [rows, hidden_size] after the last norm, as f32.
  Tensor normed(Device& device, const Tensor& hidden_states) const;
  /// Logits [rows, vocab_size] of layer outputs [rows, hidden_size].
  Tensor logits(Device& device, const Tensor& hidden_states) const;

 private:
  struct Layer {
    RmsNorm input_norm;
    std::optional<GatedDeltaNet> gated_delta;  // or attention:
    Linear qkv;
    std::optional<RmsNorm> query_norm;
    std::optional<RmsNorm> key_norm;
    Linear output;  // of either
    std::optional<RmsNorm> attention_output_norm;
    RmsNorm mlp_norm;
    GatedMlp mlp;  // or experts
    std::optional<MixtureOfExperts> experts;
    std::optional<RmsNorm> mlp_output_norm;
    compute::AttentionShape attention;
    int memory_layer = 0;  // its number among the layers with the same kind of memory
  };
  /// What one forward pass hands to every layer.
  struct Pass {
    std::span<const RotaryTable> tables;
    const compute::SequenceMemory& memory;
    const compute::SpanTable& spans;
  };
  std::int64_t query_size() const { return std::int64_t{config_.num_heads} * config_.head_dim; }
  std::int64_t key_size() const { return std::int64_t{config_.num_kv_heads} * config_.head_dim; }
  Layer load_layer(WeightLoader& weights, const std::string& name, int index) const;
  void load_attention(WeightLoader& weights, const std::string& name, Layer& layer) const;
  void load_mlp(WeightLoader& weights, const std::string& name, int index, Layer& layer) const;
  /// What the heads gather for hidden_states, [rows, heads * their size], by either kind of layer.
  Tensor mix(Device& device, int index, const Tensor& hidden_states, const Pass& pass) const;
  Tensor attend(Device& device, int index, const Tensor& hidden_states, const Pass& pass) const;
  void run_layer(Device& device, int index, const Tensor& hidden_states, const Pass& pass) const;
  /// Whether what attention and MLP give is added as it is.
  bool plain_residual() const { return !config_.output_norms && config_.residual_scale == 1.0f; }
  /// hidden_states += residual_scale * norm(part)
  void add_residual(Device& device, const Tensor& hidden_states, Tensor part,
                    const std::optional<RmsNorm>& norm) const;

  DecoderConfig config_;
  std::shared_ptr<const compute::Weight> embedding_;  // [vocab_size, hidden_size]
  std::vector<Layer> layers_;
  std::vector<Rotary> rotaries_;
  RmsNorm norm_;
  std::shared_ptr<const compute::Weight> head_;  // [vocab_size, hidden_size]
};

}  // namespace saccade::nn
