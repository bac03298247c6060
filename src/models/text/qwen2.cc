// Qwen2 and Qwen2.5 (Yang et al., 2024).
#include "models/text/families.h"

namespace saccade::models::text_families {

TextFamily qwen2() {
  return {
      .model_type = "qwen2",
      .architecture = "Qwen2ForCausalLM",
      .context_length = 32768,
      .sliding_window = 4096,
      .attention_bias = AttentionBias::kQkv,
      .sliding = SlidingLayers::kAsSwitched,
  };
}

}  // namespace saccade::models::text_families
