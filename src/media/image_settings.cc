#include "media/image_settings.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace saccade::media {
namespace {

// Larger than any tower's picture, small enough that areas cannot overflow.
constexpr std::int64_t kMaxSide = 1 << 15;

/// Keys that all image processors know and that are read here.
constexpr std::array<std::string_view, 11> kCommon = {
    "image_processor_type", "image_mean", "image_std",      "do_resize", "do_rescale",
    "do_normalize",         "resample",   "rescale_factor", "size",      "do_convert_rgb",
    "data_format"};

/// Keys that say nothing about the values of an image: names of classes, the layout of what
/// transformers returns, settings for video, and switches of its GPU path.
constexpr std::array<std::string_view, 14> kWithoutEffect = {"processor_class",
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
                                                             "return_metadata",
                                                             "return_row_col_info"};

bool contains(const auto& list, std::string_view key) {
  return std::ranges::find(list, key) != std::ranges::end(list);
}

/// A number or a list of three numbers.
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

const ImageForm& form_of(const JsonObject& config, const std::vector<ImageForm>& forms) {
  std::string type = config.string_or("image_processor_type", forms[0].type);
  for (const std::string_view suffix : {"Fast", "Pil"}) {
    if (type.ends_with(suffix)) type.resize(type.size() - suffix.size());
  }
  std::vector<std::string_view> known;
  for (const ImageForm& form : forms) {
    if (form.type == type) return form;
    known.push_back(form.type);
  }
  fail("{}: \"image_processor_type\" must be {}, found {}", config.where(),
       fmt::join(known, " or "), type);
}

}  // namespace

PixelScale read_pixel_scale(const JsonObject& config, const PixelScale& defaults) {
  PixelScale scale;
  scale.mean = channel_values(config, "image_mean", defaults.mean);
  scale.std = channel_values(config, "image_std", defaults.std);
  if (std::ranges::any_of(scale.std, [](float value) { return !(value > 0); })) {
    fail("{}: \"image_std\" must be positive", config.where());
  }
  scale.rescale_factor = config.number_or("rescale_factor", defaults.rescale_factor);
  scale.do_rescale = config.boolean_or("do_rescale", true);
  scale.do_normalize = config.boolean_or("do_normalize", true);
  return scale;
}

std::array<std::uint8_t, 3> mean_colour(const JsonObject& config) {
  constexpr std::array<double, 3> kClip = {0.48145466, 0.4578275, 0.40821073};
  const boost::json::value* said = config.find("image_mean");
  std::array<std::uint8_t, 3> colour;
  for (int c = 0; c < 3; ++c) {
    const double value = !said               ? kClip[c]
                         : said->is_number() ? said->to_number<double>()
                                             : said->as_array()[c].to_number<double>();
    colour[c] = static_cast<std::uint8_t>(value * 255);
  }
  return colour;
}

void refuse_unknown_settings(const JsonObject& config, std::span<const std::string_view> read) {
  for (const auto& item : config.raw()) {
    const std::string_view key = item.key();
    const bool known =
        contains(read, key) || contains(kCommon, key) || contains(kWithoutEffect, key);
    if (!item.value().is_null() && !known) {
      fail("{}: \"{}\" is not supported by this version", config.where(), key);
    }
  }
  if (const std::string format = config.string_or("data_format", "channels_first");
      format != "channels_first") {
    fail("{}: \"data_format\" must be channels_first, found {}", config.where(), format);
  }
  if (!config.boolean_or("do_convert_rgb", true)) {
    fail("{}: \"do_convert_rgb\" must be true: pictures always become RGB", config.where());
  }
}

ImageSettings read_image_settings(const JsonObject& config, const std::vector<ImageForm>& forms) {
  const ImageForm& form = form_of(config, forms);
  refuse_unknown_settings(config, form.keys);
  ImageSettings settings;
  settings.scale = read_pixel_scale(config, {.mean = form.mean, .std = form.std});
  settings.do_resize = config.boolean_or("do_resize", true);
  const std::int64_t resample =
      config.integer_or("resample", static_cast<std::int64_t>(form.resample));
  if (resample < static_cast<std::int64_t>(Resample::kLanczos) ||
      resample > static_cast<std::int64_t>(Resample::kBicubic)) {
    fail("{}: \"resample\" must be 1 (Lanczos), 2 (bilinear) or 3 (bicubic), found {}",
         config.where(), resample);
  }
  settings.resample = static_cast<Resample>(resample);
  return settings;
}

std::optional<Size> read_size(const JsonObject& config, std::string_view key) {
  const boost::json::value* value = config.find(key);
  if (!value) return std::nullopt;
  if (value->is_number()) {
    const auto side = static_cast<int>(config.integer_in(key, 1, kMaxSide));
    return Size{side, side};
  }
  const JsonObject size = config.object(key);
  if (!size.has("height") && !size.has("width")) return std::nullopt;
  return Size{static_cast<int>(size.integer_in("height", 1, kMaxSide)),
              static_cast<int>(size.integer_in("width", 1, kMaxSide))};
}

std::optional<int> read_edge(const JsonObject& config, std::string_view key,
                             std::string_view edge) {
  const boost::json::value* value = config.find(key);
  if (!value || !value->is_object()) return std::nullopt;
  const JsonObject size = config.object(key);
  if (!size.has(edge)) return std::nullopt;
  return static_cast<int>(size.integer_in(edge, 1, kMaxSide));
}

}  // namespace saccade::media
