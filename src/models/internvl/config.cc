#include "models/internvl/config.h"

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::internvl {

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject vision = top.object("vision_config");
  Config config;
  config.vision = intern_tower(vision);
  config.vision.features = read_feature_layers(top, config.vision.num_layers, -1);
  if (config.vision.features.size() != 1) {
    fail("{}: several vision_feature_layers are not supported; one is", top.where());
  }
  // Only the output of the whole tower is normed, and only where nothing is pooled from it.
  config.vision.apply_post_norm = top.integer_or("vision_feature_layer", -1) == -1 &&
                                  !vision.boolean_or("use_mean_pooling", true);
  if (top.string_or("vision_feature_select_strategy", "default") != "default") {
    fail("{}: vision_feature_select_strategy \"{}\" is not supported; \"default\" is", top.where(),
         top.string("vision_feature_select_strategy"));
  }
  config.text = read_nested_text(top, "qwen2");
  const double ratio = top.number_or("downsample_ratio", 0.5);
  config.downsample = ratio > 0.0 && ratio <= 1.0 ? static_cast<int>(1.0 / ratio) : 0;
  if (config.downsample < 1 || config.downsample > 64 ||
      config.vision.grid_height % config.downsample != 0 ||
      config.vision.grid_width % config.downsample != 0) {
    fail("{}: downsample_ratio {} does not fit {} x {} patches", top.where(), ratio,
         config.vision.grid_height, config.vision.grid_width);
  }
  config.projector_activation = read_activation(top, "projector_hidden_act", "gelu");
  config.image_token = read_image_token(top, {"image_token_id", "image_token_index"},
                                        config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::internvl
