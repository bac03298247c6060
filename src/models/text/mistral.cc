// Mistral 7B, Nemo and Small (Jiang et al., 2023).
#include "models/text/families.h"

namespace saccade::models::text_families {

TextFamily mistral() {
  return {
      .model_type = "mistral",
      .architecture = "MistralForCausalLM",
      .context_length = 131072,
      .sliding_window = 4096,
      .sliding = SlidingLayers::kAll,
  };
}

}  // namespace saccade::models::text_families
