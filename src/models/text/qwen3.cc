// Qwen3, dense (Yang et al., 2025).
#include "models/text/families.h"

namespace saccade::models::text_families {

TextFamily qwen3() {
  return {
      .model_type = "qwen3",
      .architecture = "Qwen3ForCausalLM",
      .head_dim = 128,
      .context_length = 32768,
      .sliding_window = 4096,
      .attention_bias = AttentionBias::kAsConfigured,
      .sliding = SlidingLayers::kAsSwitched,
      .qk_norm = true,
  };
}

}  // namespace saccade::models::text_families
