// Phi-3 and Phi-3.5 mini, Phi-4 (Abdin et al., 2024); those with longrope are refused.
#include "models/text/families.h"

namespace saccade::models::text_families {

TextFamily phi3() {
  return {
      .model_type = "phi3",
      .architecture = "Phi3ForCausalLM",
      .rms_norm_eps = 1e-5,
      .context_length = 4096,
      .sliding = SlidingLayers::kAll,
      .fused_projections = true,
  };
}

}  // namespace saccade::models::text_families
