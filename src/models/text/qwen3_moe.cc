// Qwen3, mixtures of experts (Yang et al., 2025).
#include "base/error.h"
#include "models/text/experts.h"
#include "models/text/families.h"

namespace saccade::models::text_families {
namespace {

void finish(const JsonObject& text, const JsonObject&, nn::DecoderConfig& decoder) {
  if (text.boolean_or("use_sliding_window", false)) {
    fail("{}: use_sliding_window is not supported for qwen3_moe", text.where());
  }
  read_experts(text, {.num_experts = 128, .experts_per_token = 8, .intermediate_size = 768},
               decoder);
  decoder.moe.normalize = text.boolean_or("norm_topk_prob", false);
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
