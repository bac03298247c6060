#include "models/llava/config.h"

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::llava {
namespace {

nn::VitConfig read_tower(const JsonObject& vision) {
  const std::string type = vision.string_or("model_type", "clip_vision_model");
  if (type == "clip_vision_model") return clip_tower(vision);
  if (type == "siglip_vision_model") return siglip_tower(vision);
  if (type == "pixtral") return pixtral_tower(vision);
  fail(
      "{}: model_type \"{}\" is not supported; clip_vision_model, siglip_vision_model and "
      "pixtral are",
      vision.where(), type);
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject vision = top.object("vision_config");
  Config config;
  config.vision = read_tower(vision);
  config.vision.features = read_feature_layers(top, config.vision.num_layers, -2);
  config.pixtral = vision.string_or("model_type", "clip_vision_model") == "pixtral";
  config.text = read_nested_text(top, "llama");
  const std::string strategy = top.string_or("vision_feature_select_strategy", "default");
  if (strategy != "default" && strategy != "full") {
    fail("{}: vision_feature_select_strategy \"{}\" is not supported; \"default\" and \"full\" are",
         top.where(), strategy);
  }
  config.drop_first = strategy == "default";
  if (config.pixtral && config.drop_first) {
    fail(
        "{}: vision_feature_select_strategy must be \"full\" with a pixtral tower, which has no "
        "class token",
        top.where());
  }
  config.projector_bias = top.boolean_or("multimodal_projector_bias", true);
  config.projector_activation = read_activation(top, "projector_hidden_act", "gelu");
  config.image_token = read_image_token(top, {"image_token_index", "image_token_id"},
                                        config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::llava
