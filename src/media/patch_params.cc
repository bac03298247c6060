// preprocessor_config.json.
#include <array>
#include <string_view>

#include "base/error.h"
#include "media/image_settings.h"
#include "media/patches.h"

namespace saccade::media {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 31;
constexpr std::int64_t kBicubic = 3;

/// Keys that are read below, besides the common ones.
constexpr std::array<std::string_view, 7> kRead = {
    "patch_size", "temporal_patch_size", "merge_size", "min_pixels",
    "max_pixels", "do_center_crop",      "do_pad"};

std::int64_t integer_in_or(const JsonObject& config, std::string_view key, std::int64_t low,
                           std::int64_t high, std::int64_t otherwise) {
  return config.has(key) ? config.integer_in(key, low, high) : otherwise;
}

/// min_pixels and max_pixels, in the three places where they have been written: `size` as
/// {shortest_edge, longest_edge} (which are areas, in spite of their names) or as {min_pixels,
/// max_pixels}, and keys of their own, which win.
void read_pixel_budget(const JsonObject& config, PatchParams& params) {
  if (config.has("size")) {
    const JsonObject size = config.object("size");
    for (const auto& item : size.raw()) {
      const std::string_view key = item.key();
      if (item.value().is_null()) continue;
      if (key == "shortest_edge" || key == "min_pixels") {
        params.min_pixels = size.integer_in(key, 1, kMaxPixels);
      } else if (key == "longest_edge" || key == "max_pixels") {
        params.max_pixels = size.integer_in(key, 1, kMaxPixels);
      } else {
        fail("{}: \"{}\" is not supported; wanted shortest_edge and longest_edge", size.where(),
             key);
      }
    }
  }
  params.min_pixels = integer_in_or(config, "min_pixels", 1, kMaxPixels, params.min_pixels);
  params.max_pixels = integer_in_or(config, "max_pixels", 1, kMaxPixels, params.max_pixels);
  if (params.min_pixels > params.max_pixels) {
    fail("{}: min_pixels ({}) is over max_pixels ({})", config.where(), params.min_pixels,
         params.max_pixels);
  }
}

void refuse_what_is_not_done(const JsonObject& config) {
  refuse_unknown_settings(config, kRead);
  const std::string type = config.string_or("image_processor_type", "Qwen2VLImageProcessor");
  if (type != "Qwen2VLImageProcessor" && type != "Qwen2VLImageProcessorFast" &&
      type != "Qwen2VLImageProcessorPil") {
    fail("{}: \"image_processor_type\" must be Qwen2VLImageProcessor, found {}", config.where(),
         type);
  }
  if (const std::int64_t resample = config.integer_or("resample", kBicubic); resample != kBicubic) {
    fail("{}: \"resample\" must be {} (bicubic), found {}", config.where(), kBicubic, resample);
  }
  for (const std::string_view key : {"do_center_crop", "do_pad"}) {
    if (config.boolean_or(key, false)) fail("{}: \"{}\" is not supported", config.where(), key);
  }
}

}  // namespace

PatchParams patch_params_from_json(const JsonObject& config) {
  refuse_what_is_not_done(config);
  PatchParams params;
  const auto count = [&](std::string_view key, int high, int otherwise) {
    return static_cast<int>(integer_in_or(config, key, 1, high, otherwise));
  };
  params.patch_size = count("patch_size", 1024, params.patch_size);
  params.merge_size = count("merge_size", 64, params.merge_size);
  params.temporal_patch_size = count("temporal_patch_size", 64, params.temporal_patch_size);
  read_pixel_budget(config, params);
  params.scale = read_pixel_scale(config, params.scale);
  params.do_resize = config.boolean_or("do_resize", true);
  return params;
}

}  // namespace saccade::media
