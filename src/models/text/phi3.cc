// Phi-3 and Phi-3.5 mini, Phi-4 (Abdin et al., 2024); those with longrope are refused.
#include "base/error.h"
#include "models/text/families.h"

namespace saccade::models::text_families {
namespace {

/// In this family alone, yarn and su are old names of longrope.
void refuse_long_rope(const JsonObject& text, const JsonObject&, nn::DecoderConfig&) {
  const auto settings = rope_settings(text);
  if (!settings) return;
  const std::string type = settings->string_or("rope_type", settings->string_or("type", "default"));
  if (type == "yarn" || type == "su") {
    fail("{}: rope type \"{}\" means longrope for phi3, which is not supported", settings->where(),
         type);
  }
}

}  // namespace

TextFamily phi3() {
  return {
      .model_type = "phi3",
      .architecture = "Phi3ForCausalLM",
      .rms_norm_eps = 1e-5,
      .context_length = 4096,
      .sliding = SlidingLayers::kAll,
      .may_turn_partly = true,
      .fused_projections = true,
      .finish = refuse_long_rope,
  };
}

}  // namespace saccade::models::text_families
