#include "models/idefics3/config.h"

#include "models/config_reading.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::idefics3 {

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  Config config;
  config.model_type = top.string("model_type");
  config.vision = idefics3_tower(top.object("vision_config"));
  config.text = read_nested_text(top, "llama");
  config.scale_factor = read_int_or(top, "scale_factor", 2, 1, 64);
  config.image_token = read_image_token(top, {"image_token_id"}, config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::idefics3
