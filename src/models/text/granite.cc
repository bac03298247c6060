// Granite 3, dense (IBM, 2024).
#include "base/error.h"
#include "models/text/families.h"

namespace saccade::models::text_families {
namespace {

float read_factor(const JsonObject& config, const char* key) {
  const double factor = config.number_or(key, 1.0);
  if (!(factor > 0.0)) fail("{}: {} must be positive, found {}", config.where(), key, factor);
  return static_cast<float>(factor);
}

void finish(const JsonObject& text, const JsonObject&, nn::DecoderConfig& decoder) {
  decoder.embedding_scale = read_factor(text, "embedding_multiplier");
  decoder.attention_scale = read_factor(text, "attention_multiplier");
  decoder.residual_scale = read_factor(text, "residual_multiplier");
  decoder.logits_scale = 1.0f / read_factor(text, "logits_scaling");
}

}  // namespace

TextFamily granite() {
  return {
      .model_type = "granite",
      .architecture = "GraniteForCausalLM",
      .context_length = 2048,
      .attention_bias = AttentionBias::kAsConfigured,
      .may_have_mlp_bias = true,
      .finish = finish,
  };
}

}  // namespace saccade::models::text_families
