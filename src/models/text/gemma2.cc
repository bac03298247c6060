// Gemma 2 (Riviere et al., 2024).
#include "models/text/families.h"
#include "models/text/gemma_shared.h"

namespace saccade::models::text_families {

TextFamily gemma2() {
  return {
      .model_type = "gemma2",
      .architecture = "Gemma2ForCausalLM",
      .head_dim = 256,
      .context_length = 8192,
      .sliding_window = 4096,
      .sliding_window_pattern = 2,
      .tied = true,
      .activation = "gelu_pytorch_tanh",
      .activation_key = "hidden_activation",
      .attention_bias = AttentionBias::kAsConfigured,
      .sliding = SlidingLayers::kAsPatterned,
      .output_norms = true,
      .unit_offset_norms = true,
      .finish = [](const JsonObject& text, const JsonObject& top,
                   nn::DecoderConfig& decoder) { finish_gemma(text, top, 50.0, 30.0, decoder); },
  };
}

}  // namespace saccade::models::text_families
