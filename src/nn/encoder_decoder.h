// The transformer of two stacks, an encoder and a decoder that looks at what it gives (Vaswani et
// al., 2017), in the form of BART (Lewis et al., 2020): norms after each part, learned positions.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace saccade::nn {

/// Layers of one stack.
struct StackConfig {
  int num_layers = 0;
  int num_heads = 0;
  std::int64_t intermediate_size = 0;
};

struct EncoderDecoderConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_positions = 0;  ///< rows of either stack's table of positions
  StackConfig encoder;
  StackConfig decoder;
  compute::Activation activation = compute::Activation::kGelu;
  float embedding_scale = 1.0f;  ///< of token embeddings
  float norm_eps = 1e-5f;

  /// A decoder layer's pages hold, of one sequence, first the keys and values that it makes of the
  /// encoder's rows, for its cross-attention, and behind them those of its own tokens.
  compute::KvLayout kv_layout() const {
    return {decoder.num_layers, decoder.num_heads,
            static_cast<int>(hidden_size) / decoder.num_heads};
  }
};

/// Both stacks over one table of token embeddings, which is the output head as well.
class EncoderDecoder {
 public:
  /// Loads `embedding`, `prefix`encoder.* and `prefix`decoder.*.
  EncoderDecoder(EncoderDecoderConfig config, WeightLoader& weights, const std::string& embedding,
                 const std::string& prefix);

  const EncoderDecoderConfig& config() const { return config_; }

  /// Scaled embeddings of the tokens int32 [rows], f32 [rows, hidden_size].
  Tensor embed(Device& device, const Tensor& ids) const;

  /// Runs the encoder, in place, over whole inputs one after the other; ends[i] is one past the
  /// last row of input i, whose rows see each other. hidden_states f32 [rows, hidden_size] as embed
  /// gives them, positions int32 [rows] of the table of positions.
  void encode(Device& device, const Tensor& hidden_states, const Tensor& positions,
              std::span<const std::int64_t> ends) const;

  /// Stores what each decoder layer's cross-attention sees of the encoder's output
  /// [rows, hidden_size], at the places that `spans` give its rows.
  void store_encoded(Device& device, const Tensor& encoded, compute::KvCache& cache,
                     const compute::SpanTable& spans) const;

  /// Runs the decoder over a ragged batch, in place, storing its keys and values. `spans` let a row
  /// see the decoder's tokens before it and itself, `cross_spans` the stored encoder's rows.
  void decode(Device& device, const Tensor& hidden_states, const Tensor& positions,
              compute::KvCache& cache, const compute::SpanTable& spans,
              const compute::SpanTable& cross_spans) const;

  /// Logits [rows, vocab_size] of decoder outputs [rows, hidden_size].
  Tensor logits(Device& device, const Tensor& hidden_states) const;

 private:
  struct Layer {
    Linear qkv;
    Linear output;
    LayerNorm attention_norm;
    Mlp mlp;
    LayerNorm mlp_norm;
  };
  /// What a decoder layer has besides.
  struct CrossAttention {
    Linear query;
    Linear key_value;
    Linear output;
    LayerNorm norm;
  };
  struct Stack {
    std::shared_ptr<const compute::Weight> positions;  // [num_positions, hidden_size]
    LayerNorm embedding_norm;
    std::vector<Layer> layers;
    compute::AttentionShape attention;
  };
  Stack load_stack(WeightLoader& weights, const std::string& name, const StackConfig& config) const;
  Layer load_layer(WeightLoader& weights, const std::string& name, const StackConfig& config) const;
  CrossAttention load_cross(WeightLoader& weights, const std::string& name) const;
  void add_positions(Device& device, const Stack& stack, const Tensor& hidden_states,
                     const Tensor& positions) const;
  /// hidden_states = norm(hidden_states + what the maps of the attended heads give)
  static void finish_attention(Device& device, const Linear& output, const LayerNorm& norm,
                               const Tensor& hidden_states, const Tensor& attended);
  static void run_mlp(Device& device, const Layer& layer, const Tensor& hidden_states);

  EncoderDecoderConfig config_;
  std::shared_ptr<const compute::Weight> embedding_;  // [vocab_size, hidden_size]
  Stack encoder_;
  Stack decoder_;
  std::vector<CrossAttention> cross_;  // of each decoder layer
};

}  // namespace saccade::nn
