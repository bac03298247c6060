#include "models/gemma3/config.h"

#include <cmath>

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::gemma3 {

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  Config config;
  config.vision = siglip_tower(top.object("vision_config"));
  config.vision.apply_post_norm = true;
  config.text = read_nested_text(top, "gemma3_text");
  const int tokens = read_int_or(top, "mm_tokens_per_image", 256, 1, 1 << 20);
  config.tokens_per_side = static_cast<int>(std::lround(std::sqrt(tokens)));
  const nn::VitConfig& vision = config.vision;
  if (config.picture_tokens() != tokens || vision.grid_height != vision.grid_width ||
      vision.grid_height % config.tokens_per_side != 0) {
    fail(
        "{}: mm_tokens_per_image {} does not fit {} x {} patches: wanted a square whose side "
        "divides theirs",
        top.where(), tokens, vision.grid_height, vision.grid_width);
  }
  const std::int64_t vocab_size = config.text.decoder.vocab_size;
  const auto token = [&](std::string_view index, std::string_view id) {
    return read_image_token(top, {index, id}, vocab_size);
  };
  config.image_token = token("image_token_index", "image_token_id");
  config.begin_token = token("boi_token_index", "boi_token_id");
  config.end_token = token("eoi_token_index", "eoi_token_id");
  return config;
}

}  // namespace saccade::models::gemma3
