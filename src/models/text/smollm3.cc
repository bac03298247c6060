// SmolLM3 (Bakouch et al., 2025): Llama with layers that do not turn.
#include "base/error.h"
#include "models/text/families.h"

namespace saccade::models::text_families {
namespace {

/// no_rope_layers says 1 of a layer that turns, 0 of one that does not; without the list, every
/// no_rope_layer_interval-th does not.
void finish(const JsonObject& text, const JsonObject&, nn::DecoderConfig& decoder) {
  if (!text.has("no_rope_layers")) {
    const std::int64_t interval =
        text.has("no_rope_layer_interval")
            ? text.integer_in("no_rope_layer_interval", 1, std::int64_t{1} << 30)
            : 4;
    for (int i = 0; i < decoder.num_layers; ++i) {
      if ((i + 1) % interval == 0) decoder.layer_rotary[i] = -1;
    }
    return;
  }
  const std::vector<std::int64_t> turns = text.integers("no_rope_layers");
  if (turns.size() < static_cast<std::size_t>(decoder.num_layers)) {
    fail("{}: no_rope_layers lists {} layers, there are {}", text.where(), turns.size(),
         decoder.num_layers);
  }
  for (int i = 0; i < decoder.num_layers; ++i) {
    if (turns[i] == 0) decoder.layer_rotary[i] = -1;
  }
}

}  // namespace

TextFamily smollm3() {
  return {
      .model_type = "smollm3",
      .architecture = "SmolLM3ForCausalLM",
      .rope_theta = 2e6,
      .context_length = 32768,
      .tied = true,
      .attention_bias = AttentionBias::kAsConfigured,
      .may_have_mlp_bias = true,
      .sliding = SlidingLayers::kAsSwitched,
      .finish = finish,
  };
}

}  // namespace saccade::models::text_families
