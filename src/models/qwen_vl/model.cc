#include "models/qwen_vl/model.h"

#include <fmt/format.h>

namespace saccade::models::qwen_vl {

Description describe(const checkpoint::Checkpoint& checkpoint, const std::string& model_type,
                     const Config& config, const VisionConfig& vision, const std::string& layers,
                     const std::string& detail) {
  const std::string prefix = find_vision(checkpoint);
  Description description;
  description.family = model_type;
  description.parts = {
      describe_part(checkpoint, "vision tower",
                    fmt::format("{} layer{}{}, hidden {}, {} heads, patch {}{}", vision.depth,
                                vision.depth == 1 ? "" : "s", layers, vision.hidden_size,
                                vision.num_heads, vision.patch_size, detail),
                    {prefix + "patch_embed", prefix + "pos_embed", prefix + "blocks"}),
      describe_part(checkpoint, "merger",
                    fmt::format("{0}x{0} patches to a token", vision.spatial_merge_size),
                    {prefix + "merger", prefix + "deepstack_merger_list"}),
  };
  for (PartDescription& part :
       describe_decoder(checkpoint, find_decoder(checkpoint), config.text)) {
    description.parts.push_back(std::move(part));
  }
  description.vocab_size = config.text.vocab_size;
  description.context_length = config.context_length;
  description.kv_layout = config.text.kv_layout();
  description.state_layout = config.text.state_layout();
  return description;
}

}  // namespace saccade::models::qwen_vl
