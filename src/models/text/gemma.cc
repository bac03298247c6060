// Gemma (Mesnard et al., 2024), the decoder of PaliGemma.
#include "base/error.h"
#include "models/text/families.h"

namespace saccade::models::text_families {

TextFamily gemma() {
  return {
      .model_type = "gemma",
      .architecture = "GemmaForCausalLM",
      .head_dim = 256,
      .context_length = 8192,
      .tied = true,
      .activation = "gelu_pytorch_tanh",
      .attention_bias = AttentionBias::kAsConfigured,
      .unit_offset_norms = true,
      .finish =
          [](const JsonObject& text, const JsonObject& top, nn::DecoderConfig& decoder) {
            decoder.embedding_scale = square_root_embedding_scale(text, top, decoder.hidden_size);
          },
  };
}

}  // namespace saccade::models::text_families
