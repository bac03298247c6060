// The decoder-only transformer that Llama-like language models share.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compute/sequence_memory.h"
#include "nn/gated_delta_net.h"
#include "nn/layer_inputs.h"
#include "nn/layers.h"
#include "nn/moe.h"
#include "nn/rotary.h"
#include "nn/row_selection.h"

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

  bool value_norm = false;    ///< every value head is normed, without weights
  bool layer_scales = false;  ///< what a layer gives is multiplied by a number of its own

  MoeConfig moe;                    ///< where some layers have experts
  std::vector<bool> sparse_layers;  ///< which those are; empty: none
  bool experts_beside_mlp = false;  ///< every layer has both, and adds up what they give (Gemma 4)
  LayerInputConfig layer_inputs;

  // In which layers differ; empty: in nothing.
  std::vector<compute::KvHeads> layer_heads;     ///< in place of num_kv_heads and head_dim
  std::vector<bool> keys_as_values;              ///< values are the map of keys, not turned
  std::vector<std::int64_t> intermediate_sizes;  ///< in place of intermediate_size
  /// The layer whose keys and values this one attends to: itself, or one before it, and then it has
  /// neither of its own.
  std::vector<int> kv_sources;

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
  /// Tokens of a picture see each other in layers with a window, and in others like any text.
  bool mutual_in_windows_only = false;
  std::int32_t pad_token = -1;       ///< that layer inputs take placeholders of pictures for
  std::vector<RotaryAxes> rotaries;  ///< the distinct ways of turning queries and keys
  std::vector<int> layer_rotary;     ///< for each layer its index in `rotaries`, -1: no turning

  LayerKind kind(int layer) const {
    return layer_kinds.empty() ? LayerKind::kAttention : layer_kinds[layer];
  }
  int count(LayerKind kind) const;
  compute::KvHeads heads(int layer) const {
    return layer_heads.empty() ? compute::KvHeads{num_kv_heads, head_dim} : layer_heads[layer];
  }
  int kv_source(int layer) const { return kv_sources.empty() ? layer : kv_sources[layer]; }
  compute::KvLayout kv_layout() const;
  compute::StateLayout state_layout() const {
    const int layers = count(LayerKind::kGatedDelta);
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

  bool has_layer_inputs() const { return layer_inputs_.has_value(); }
  /// What layers take beside hidden_states [rows, hidden_size], the embeddings of the tokens int32
  /// [rows]: see LayerInputs. Empty for decoders without it.
  Tensor layer_inputs(Device& device, const Tensor& ids, const Tensor& hidden_states) const;

  /// Runs all layers over a ragged batch, in place, storing what later ones need of it in memory.
  /// hidden_states f32 [rows, hidden_size]; positions int32 [axes, rows], as many axes as the
  /// rotaries use; layer_inputs as that function gives them, used up.
  void forward(Device& device, const Tensor& hidden_states, const Tensor& positions,
               const compute::SequenceMemory& memory, const compute::SpanTable& spans,
               const Tensor& layer_inputs, std::span<const LayerAddition> additions = {}) const;

  /// The same where only some rows' outputs are wanted: these rows (ascending, each once), f32
  /// [wanted, hidden_size]. Once the last key, value or state of all rows is stored, the others are
  /// left: a prompt saves most of its last layer, and all layers that attend to the keys of one
  /// before them. What hidden_states hold afterwards is open.
  Tensor forward_rows(Device& device, const Tensor& hidden_states, const Tensor& positions,
                      const compute::SequenceMemory& memory, const compute::SpanTable& spans,
                      const Tensor& layer_inputs, std::span<const LayerAddition> additions,
                      std::span<const std::int32_t> wanted) const;

  /// Layer outputs [rows, hidden_size] after the last norm, as f32.
  Tensor normed(Device& device, const Tensor& hidden_states) const;
  /// Logits [rows, vocab_size] of layer outputs [rows, hidden_size].
  Tensor logits(Device& device, const Tensor& hidden_states) const;

 private:
  /// Norms of a layer with experts beside its MLP.
  struct ExpertNorms {
    RmsNorm mlp_output;
    RmsNorm input;
    RmsNorm output;
  };
  struct Layer {
    RmsNorm input_norm;
    std::optional<GatedDeltaNet> gated_delta;  // or attention:
    Linear qkv;  // of queries alone where keys and values are another layer's
    std::optional<RmsNorm> query_norm;
    std::optional<RmsNorm> key_norm;
    std::optional<RmsNorm> value_norm;
    Linear output;  // of either
    std::optional<RmsNorm> attention_output_norm;
    RmsNorm mlp_norm;
    GatedMlp mlp;  // or experts
    std::optional<MixtureOfExperts> experts;
    std::optional<ExpertNorms> beside;  // around experts beside the MLP
    std::optional<RmsNorm> mlp_output_norm;
    std::optional<LayerInput> input;
    float scale = 1.0f;  // of what the layer gives
    compute::AttentionShape attention;
    bool stores = true;    // keys and values of its own
    int memory_layer = 0;  // its number among the layers with the same kind of memory
  };
  // Gemma 3 has two, one for layers with windows and one for those without. An array of so many
  // needs no memory of its own in each step.
  static constexpr std::size_t kMaxRotaries = 4;
  /// What one forward pass hands to every layer.
  struct Pass {
    std::array<RotaryTable, kMaxRotaries> tables;
    const compute::SequenceMemory& memory;
    const compute::SpanTable& spans;
    Tensor layer_inputs;
    std::span<const LayerAddition> additions = {};
  };
  Layer load_layer(WeightLoader& weights, const std::string& name, int index) const;
  compute::AttentionShape attention_shape(int index) const;
  void load_attention(WeightLoader& weights, const std::string& name, int index,
                      Layer& layer) const;
  void load_mlp(WeightLoader& weights, const std::string& name, int index, Layer& layer) const;
  void load_experts_beside(WeightLoader& weights, const std::string& name, Layer& layer) const;
  Pass make_pass(Device& device, const Tensor& positions, const compute::SequenceMemory& memory,
                 const compute::SpanTable& spans, const Tensor& layer_inputs,
                 std::span<const LayerAddition> additions) const;
  /// Runs layers [begin, end) in place.
  void run_layers(Device& device, int begin, int end, const Tensor& hidden_states,
                  const Pass& pass) const;
  /// Runs the layers from last_memory_layer_ on for a selection of rows, after that layer has
  /// stored what it stores of all: f32 [selection.rows(), hidden_size].
  Tensor finish_rows(Device& device, const Tensor& hidden_states, const Pass& pass,
                     const RowSelection& selection) const;
  /// What the heads gather for hidden_states, [rows, heads * their size], by either kind of layer.
  Tensor mix(Device& device, int index, const Tensor& hidden_states, const Pass& pass) const;
  /// mix of all rows, for the selected ones; `selected` is the pass of these alone.
  Tensor mix_rows(Device& device, int index, const Tensor& hidden_states, const Pass& pass,
                  const RowSelection& selection, const Pass& selected) const;
  /// Gates if there are any, queries, keys and values of rows, side by side, heads normed. In
  /// layers that store neither, there are no keys and values.
  struct Projected {
    Tensor all;
    std::int64_t gates;  // columns
    std::int64_t query;
    std::int64_t key;

    Tensor qkv() const { return all.view_columns(gates, all.size(1) - gates); }
    Tensor queries() const { return all.view_columns(gates, query); }
    Tensor keys() const { return all.view_columns(gates + query, key); }
    Tensor values() const { return all.view_columns(gates + query + key, key); }
    /// What queries gathered, behind their gates.
    void gate(Device& device, const Tensor& attended) const;
    /// Gates and queries of some rows alone.
    Projected queries_of(Device& device, std::span<const std::int32_t> rows) const;
  };
  Projected project(Device& device, const Layer& layer, const Tensor& hidden_states) const;
  /// What the heads gather for hidden_states, [rows, num_heads * head_dim].
  Tensor attend(Device& device, int index, const Tensor& hidden_states, const Pass& pass) const;
  /// What follows a layer's heads.
  void finish_layer(Device& device, int index, const Tensor& hidden_states, const Tensor& mixed,
                    const Pass& pass) const;
  void add_mlp(Device& device, const Layer& layer, const Tensor& hidden_states) const;
  /// What an MLP and experts give together, f32 [rows, hidden_size].
  Tensor mlp_with_experts(Device& device, const Layer& layer, const Tensor& hidden_states) const;
  /// Whether what attention and MLP give is added as it is.
  bool plain_residual() const { return !config_.output_norms && config_.residual_scale == 1.0f; }
  /// hidden_states += residual_scale * norm(part)
  void add_residual(Device& device, const Tensor& hidden_states, Tensor part,
                    const std::optional<RmsNorm>& norm) const;

  DecoderConfig config_;
  std::shared_ptr<const compute::Weight> embedding_;  // [vocab_size, hidden_size]
  std::vector<Layer> layers_;
  int last_memory_layer_ = 0;  // the last that stores keys and values, or a state
  std::vector<Rotary> rotaries_;
  std::optional<LayerInputs> layer_inputs_;
  RmsNorm norm_;
  std::shared_ptr<const compute::Weight> head_;  // [vocab_size, hidden_size]
};

}  // namespace saccade::nn
