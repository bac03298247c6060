#include "models/mistral3/config.h"

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::mistral3 {

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject vision = top.object("vision_config");
  if (const std::string type = vision.string_or("model_type", "pixtral"); type != "pixtral") {
    fail("{}: model_type \"{}\" is not supported; pixtral is", vision.where(), type);
  }
  Config config;
  config.vision = pixtral_tower(vision);
  config.vision.features = read_feature_layers(top, config.vision.num_layers, -1);
  if (config.vision.features.size() != 1) {
    fail("{}: several vision_feature_layers are not supported; one is", top.where());
  }
  config.text = read_nested_text(top, "mistral");
  config.merge_size = read_int_or(top, "spatial_merge_size", 2, 1, 64);
  config.projector_bias = top.boolean_or("multimodal_projector_bias", false);
  config.projector_activation = read_activation(top, "projector_hidden_act", "gelu");
  config.image_token = read_image_token(top, {"image_token_index", "image_token_id"},
                                        config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::mistral3
