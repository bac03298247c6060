#include "models/paligemma/config.h"

#include "base/error.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::paligemma {

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  Config config;
  config.vision = siglip_tower(top.object("vision_config"));
  config.vision.features = {config.vision.num_layers};
  config.vision.apply_post_norm = true;
  config.text = read_nested_text(top, "gemma");
  config.text.decoder.logits_softcap = 0.0f;  // the head is PaliGemma's own, which has none
  const std::int64_t hidden_size = config.text.decoder.hidden_size;
  if (top.integer_or("projection_dim", hidden_size) != hidden_size) {
    fail("{}: projection_dim {} differs from the decoder's hidden_size, {}", top.where(),
         top.integer("projection_dim"), hidden_size);
  }
  config.image_token = read_image_token(top, {"image_token_index", "image_token_id"},
                                        config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::paligemma
