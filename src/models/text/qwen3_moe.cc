// Qwen3, mixtures of experts (Yang et al., 2025).
#include <algorithm>

#include "base/error.h"
#include "models/config_reading.h"
#include "models/text/families.h"

namespace saccade::models::text_families {
namespace {

constexpr std::int64_t kMaxExperts = 4096;

/// Every decoder_sparse_step-th layer has experts, but for mlp_only_layers.
void finish(const JsonObject& text, const JsonObject&, nn::DecoderConfig& decoder) {
  if (text.boolean_or("use_sliding_window", false)) {
    fail("{}: use_sliding_window is not supported for qwen3_moe", text.where());
  }
  nn::MoeConfig& moe = decoder.moe;
  // Some writers use the name that transformers has inside.
  const char* count = text.has("num_experts") ? "num_experts" : "num_local_experts";
  moe.num_experts = read_int_or(text, count, 128, 1, kMaxExperts);
  moe.experts_per_token = read_int_or(text, "num_experts_per_tok", 8, 1, moe.num_experts);
  moe.intermediate_size = text.has("moe_intermediate_size")
                              ? text.integer_in("moe_intermediate_size", 1, kMaxSize)
                              : 768;
  moe.normalize = text.boolean_or("norm_topk_prob", false);
  const int step = read_int_or(text, "decoder_sparse_step", 1, 1, kMaxLayers);
  const std::vector<std::int64_t> dense =
      text.has("mlp_only_layers") ? text.integers("mlp_only_layers") : std::vector<std::int64_t>{};
  for (int i = 0; i < decoder.num_layers; ++i) {
    decoder.sparse_layers.push_back((i + 1) % step == 0 &&
                                    std::ranges::find(dense, i) == dense.end());
  }
}

}  // namespace

TextFamily qwen3_moe() {
  return {
      .model_type = "qwen3_moe",
      .architecture = "Qwen3MoeForCausalLM",
      .context_length = 32768,
      .attention_bias = AttentionBias::kAsConfigured,
      .qk_norm = true,
      .finish = finish,
  };
}

}  // namespace saccade::models::text_families
