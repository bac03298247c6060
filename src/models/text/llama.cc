// Llama 1 to 3 (Touvron et al., 2023; Grattafiori et al., 2024) and the many in its shape.
#include "models/text/families.h"

namespace saccade::models::text_families {

TextFamily llama() {
  return {
      .model_type = "llama",
      .architecture = "LlamaForCausalLM",
      .context_length = 2048,
      .attention_bias = AttentionBias::kAsConfigured,
      .may_have_mlp_bias = true,
  };
}

}  // namespace saccade::models::text_families
