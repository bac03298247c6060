// Gemma 3, its text model (Gemma Team, 2025).
#include "models/text/families.h"
#include "models/text/gemma_shared.h"

namespace saccade::models::text_families {

TextFamily gemma3_text() {
  return {
      .model_type = "gemma3_text",
      .architecture = "Gemma3ForCausalLM",
      .head_dim = 256,
      .rope_theta = 1e6,
      .context_length = 131072,
      .sliding_window = 4096,
      .sliding_window_pattern = 6,
      .tied = true,
      .activation = "gelu_pytorch_tanh",
      .activation_key = "hidden_activation",
      .attention_bias = AttentionBias::kAsConfigured,
      .sliding = SlidingLayers::kAsPatterned,
      .local_rope_theta = 10000.0,
      .qk_norm = true,
      .output_norms = true,
      .unit_offset_norms = true,
      .finish = [](const JsonObject& text, const JsonObject& top,
                   nn::DecoderConfig& decoder) { finish_gemma(text, top, 0.0, 0.0, decoder); },
  };
}

}  // namespace saccade::models::text_families
