#include "models/llava_next/config.h"

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "models/anyres.h"
#include "models/config_reading.h"
#include "models/vision_towers.h"
#include "models/vlm.h"

namespace saccade::models::llava_next {
namespace {

using media::Size;

nn::VitConfig read_tower(const JsonObject& vision, std::string_view otherwise) {
  const std::string type = vision.string_or("model_type", otherwise);
  if (type == "clip_vision_model") return clip_tower(vision);
  if (type == "siglip_vision_model") return siglip_tower(vision);
  fail("{}: model_type \"{}\" is not supported; clip_vision_model and siglip_vision_model are",
       vision.where(), type);
}

/// What image_grid_pinpoints is where a file does not say: those of transformers' configurations.
std::vector<Size> default_resolutions(bool onevision) {
  if (!onevision) return {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};
  std::vector<Size> all;
  for (int height = 384; height <= 2304; height += 384) {
    for (int width = 384; width <= 2304; width += 384) all.push_back({height, width});
  }
  return all;
}

/// The 9 of "anyres_max_9".
int read_max_tiles(const JsonObject& top) {
  const std::string text = top.string_or("vision_aspect_ratio", "anyres_max_9");
  constexpr std::string_view kStart = "anyres_max_";
  int tiles = 0;
  if (text.starts_with(kStart)) {
    const char* end = text.data() + text.size();
    const auto result = std::from_chars(text.data() + kStart.size(), end, tiles);
    if (result.ec == std::errc() && result.ptr == end && tiles > 0) return tiles;
  }
  fail("{}: vision_aspect_ratio \"{}\" is not supported; \"anyres_max_N\" is", top.where(), text);
}

}  // namespace

Size Config::detail_tokens(const media::PatchGrid& grid) const {
  if (grid.tiles == 1) return {};
  const double tokens = static_cast<double>(grid.content_h) * grid.content_w;
  if (max_tiles > 0) {
    const double ratio =
        std::sqrt(tokens / (max_tiles * std::pow(static_cast<double>(vision.grid_height), 2)));
    if (ratio > 1.1) {
      return {static_cast<int>(std::floor(grid.content_h / ratio)),
              static_cast<int>(std::floor(grid.content_w / ratio))};
    }
  }
  return {grid.content_h, grid.content_w};
}

std::int64_t Config::picture_tokens(const media::PatchGrid& grid) const {
  const std::int64_t overview = std::int64_t{grid.h} * grid.w;
  if (grid.tiles == 1) return overview + 1;
  const Size detail = detail_tokens(grid);
  return overview + detail.height * (std::int64_t{detail.width} + 1);
}

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  Config config;
  config.model_type = top.string("model_type");
  const bool onevision = config.onevision();
  config.vision = read_tower(top.object("vision_config"),
                             onevision ? "siglip_vision_model" : "clip_vision_model");
  config.vision.features = read_feature_layers(top, config.vision.num_layers, onevision ? -1 : -2);
  if (config.vision.grid_height != config.vision.grid_width) {
    fail("{}: a tower for pictures that are not square is not supported", top.where());
  }
  config.text = read_nested_text(top, onevision ? "qwen2" : "llama");
  // Tiles are put together patch by patch, so that nothing else may be among them.
  const std::string strategy =
      top.string_or("vision_feature_select_strategy", onevision ? "full" : "default");
  const std::string wanted = config.vision.has_class_token() ? "default" : "full";
  if (strategy != wanted) {
    fail("{}: vision_feature_select_strategy \"{}\" does not fit the tower, \"{}\" does",
         top.where(), strategy, wanted);
  }
  config.resolutions = read_resolutions(top, config.tile(), default_resolutions(onevision));
  if (onevision) config.max_tiles = read_max_tiles(top);
  config.projector_bias = top.boolean_or("multimodal_projector_bias", true);
  config.projector_activation = read_activation(top, "projector_hidden_act", "gelu");
  config.image_token = read_image_token(top, {"image_token_index", "image_token_id"},
                                        config.text.decoder.vocab_size);
  return config;
}

}  // namespace saccade::models::llava_next
