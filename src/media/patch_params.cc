// preprocessor_config.json.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "media/patches.h"

namespace saccade::media {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 31;
constexpr std::int64_t kBicubic = 3;

/// Keys that are read below.
constexpr std::array<std::string_view, 18> kRead = {
    "image_processor_type", "patch_size",   "temporal_patch_size", "merge_size", "min_pixels",
    "max_pixels",           "size",         "image_mean",          "image_std",  "do_resize",
    "do_rescale",           "do_normalize", "rescale_factor",      "resample",   "do_convert_rgb",
    "do_center_crop",       "do_pad",       "data_format"};

/// Keys that say nothing about the values of an image: names of classes, the layout of what
/// transformers returns, settings for video, and switches of its GPU path.
constexpr std::array<std::string_view, 13> kWithoutEffect = {"processor_class",
                                                             "feature_extractor_type",
                                                             "auto_map",
                                                             "video_processor_type",
                                                             "input_data_format",
                                                             "default_to_square",
                                                             "device",
                                                             "disable_grouping",
                                                             "return_tensors",
                                                             "_processor_class",
                                                             "_valid_processor_keys",
                                                             "transformers_version",
                                                             "return_metadata"};

bool contains(auto& list, std::string_view key) {
  return std::ranges::find(list, key) != list.end();
}

/// An integer, a number or a list of three numbers.
std::array<float, 3> channel_values(const JsonObject& config, std::string_view key,
                                    std::array<float, 3> otherwise) {
  const boost::json::value* value = config.find(key);
  if (!value) return otherwise;
  std::array<float, 3> values;
  if (value->is_number()) {
    values.fill(value->to_number<float>());
    return values;
  }
  const auto* list = value->if_array();
  if (!list || list->size() != 3 ||
      !std::ranges::all_of(*list, [](const auto& item) { return item.is_number(); })) {
    fail("{}: \"{}\" must be a number or a list of three", config.where(), key);
  }
  for (int c = 0; c < 3; ++c) values[c] = (*list)[c].to_number<float>();
  return values;
}

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
  for (const auto& item : config.raw()) {
    const std::string_view key = item.key();
    if (!item.value().is_null() && !contains(kRead, key) && !contains(kWithoutEffect, key)) {
      fail("{}: \"{}\" is not supported by this version", config.where(), key);
    }
  }
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
  if (const std::string format = config.string_or("data_format", "channels_first");
      format != "channels_first") {
    fail("{}: \"data_format\" must be channels_first, found {}", config.where(), format);
  }
  if (!config.boolean_or("do_convert_rgb", true)) {
    fail("{}: \"do_convert_rgb\" must be true: pictures always become RGB", config.where());
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
  params.mean = channel_values(config, "image_mean", params.mean);
  params.std = channel_values(config, "image_std", params.std);
  if (std::ranges::any_of(params.std, [](float value) { return !(value > 0); })) {
    fail("{}: \"image_std\" must be positive", config.where());
  }
  params.rescale_factor = config.number_or("rescale_factor", params.rescale_factor);
  params.do_resize = config.boolean_or("do_resize", true);
  params.do_rescale = config.boolean_or("do_rescale", true);
  params.do_normalize = config.boolean_or("do_normalize", true);
  return params;
}

}  // namespace saccade::media
