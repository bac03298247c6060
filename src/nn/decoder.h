// The decoder-only transformer that Llama-like language models share.
#pragma once

#include <string>
#include <vector>

#include "nn/layers.h"
#include "nn/rotary.h"

namespace saccade::nn {

struct DecoderConfig {
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  float rms_norm_eps = 1e-6f;
  bool qkv_bias = false;
  bool tie_word_embeddings = false;
  compute::Activation activation = compute::Activation::kSilu;
  std::vector<std::int64_t> windows;  ///< for each layer the keys a token sees, 0: all

  compute::KvLayout kv_layout() const { return {num_layers, num_kv_heads, head_dim}; }
};

/// Pre-norm layers of grouped-query attention with rotary positions and a gated MLP.
class Decoder {
 public:
  /// Loads `prefix`.embed_tokens, .layers.N.*, .norm, and `head` unless the embeddings are tied.
  Decoder(DecoderConfig config, WeightLoader& weights, const std::string& prefix,
          const std::string& head);

  const DecoderConfig& config() const { return config_; }

  /// Embeddings of the tokens, [ids.size(), hidden_size].
  Tensor embed(Device& device, std::span<const std::int32_t> ids) const;

  /// Runs all layers over a ragged batch, in place, storing its keys and values in the cache.
  /// hidden_states [rows, hidden_size]; the table has a row for each.
  void forward(Device& device, const Tensor& hidden_states, const RotaryTable& rotary,
               compute::KvCache& cache, std::span<const compute::SequenceSpan> spans) const;

  /// Logits [rows, vocab_size] of layer outputs [rows, hidden_size].
  Tensor logits(Device& device, const Tensor& hidden_states) const;

 private:
  struct Layer {
    RmsNorm input_norm;
    Linear qkv;
    Linear output;
    RmsNorm post_norm;
    GatedMlp mlp;
    compute::AttentionShape attention;
  };
  Layer load_layer(WeightLoader& weights, const std::string& name, int index) const;
  Tensor attend(Device& device, const Layer& layer, int index, const Tensor& normed,
                const RotaryTable& rotary, compute::KvCache& cache,
                std::span<const compute::SequenceSpan> spans) const;

  DecoderConfig config_;
  std::shared_ptr<const compute::Weight> embedding_;  // [vocab_size, hidden_size]
  std::vector<Layer> layers_;
  RmsNorm norm_;
  std::shared_ptr<const compute::Weight> head_;  // [vocab_size, hidden_size]
};

}  // namespace saccade::nn
