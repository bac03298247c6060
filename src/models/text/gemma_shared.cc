#include "models/text/gemma_shared.h"

#include <cmath>

#include "base/error.h"

namespace saccade::models::text_families {

float read_cap(const JsonObject& config, std::string_view key, double otherwise) {
  if (!config.has(key)) return config.raw().contains(key) ? 0.0f : static_cast<float>(otherwise);
  const double cap = config.number(key);
  if (!(cap > 0.0)) fail("{}: {} must be positive, found {}", config.where(), key, cap);
  return static_cast<float>(cap);
}

void finish_gemma(const JsonObject& text, const JsonObject& top, double attention_cap,
                  double logits_cap, nn::DecoderConfig& decoder) {
  // PaliGemma means its prompts by that, of which its processor takes care.
  const bool prompts = top.string_or("model_type", "") == "paligemma";
  if (text.boolean_or("use_bidirectional_attention", false) && !prompts) {
    fail("{}: use_bidirectional_attention is not supported", text.where());
  }
  const double scalar = text.number_or("query_pre_attn_scalar", 256.0);
  if (!(scalar > 0.0)) {
    fail("{}: query_pre_attn_scalar must be positive, found {}", text.where(), scalar);
  }
  decoder.attention_scale = static_cast<float>(1.0 / std::sqrt(scalar));
  decoder.attention_softcap = read_cap(text, "attn_logit_softcapping", attention_cap);
  decoder.logits_softcap = read_cap(text, "final_logit_softcapping", logits_cap);
  decoder.embedding_scale = square_root_embedding_scale(text, top, decoder.hidden_size);
}

}  // namespace saccade::models::text_families
