#include "models/rope_config.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace saccade::models {
namespace {

/// Throws unless every key of the settings is one of `known`.
void refuse_other_keys(const JsonObject& settings, const std::string& type,
                       std::initializer_list<std::string_view> known) {
  constexpr std::string_view kAlways[] = {"rope_type",     "type",
                                          "rope_theta",    "partial_rotary_factor",
                                          "mrope_section", "mrope_interleaved"};
  for (const auto& item : settings.raw()) {
    const std::string_view key = item.key();
    if (item.value().is_null() || std::ranges::find(kAlways, key) != std::end(kAlways) ||
        std::ranges::find(known, key) != known.end()) {
      continue;
    }
    fail("{}: \"{}\" is not supported with rope type \"{}\"", settings.where(), key, type);
  }
}

double positive(const JsonObject& settings, std::string_view key, double value) {
  if (!(value > 0.0)) fail("{}: {} must be positive, found {}", settings.where(), key, value);
  return value;
}
double positive(const JsonObject& settings, std::string_view key) {
  return positive(settings, key, settings.number(key));
}

void scale_frequencies(const JsonObject& settings, const std::string& type,
                       const RopeDefaults& defaults, std::vector<float>& frequencies) {
  if (type == "linear") {
    refuse_other_keys(settings, type, {"factor"});
    nn::scale_linear(frequencies, positive(settings, "factor"));
  } else if (type == "llama3") {
    refuse_other_keys(
        settings, type,
        {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"});
    const nn::Llama3Scaling scaling{
        positive(settings, "factor"), positive(settings, "low_freq_factor"),
        positive(settings, "high_freq_factor"),
        positive(settings, "original_max_position_embeddings",
                 settings.number_or("original_max_position_embeddings",
                                    static_cast<double>(defaults.context_length)))};
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      fail("{}: high_freq_factor {} must be over low_freq_factor {}", settings.where(),
           scaling.high_freq_factor, scaling.low_freq_factor);
    }
    nn::scale_llama3(frequencies, scaling);
  } else if (type == "default" || (type == "mrope" && defaults.axes == RopeAxes::kMultimodal)) {
    refuse_other_keys(settings, type, {});
  } else {
    fail("{}: rope type \"{}\" is not supported; \"default\", \"linear\" and \"llama3\" are",
         settings.where(), type);
  }
}

nn::RotaryAxes deal_to_axes(const JsonObject& settings, RopeAxes axes,
                            std::vector<float> frequencies) {
  const std::vector<std::int64_t> sections = settings.integers("mrope_section");
  const bool fits = sections.size() == 3 &&
                    std::ranges::all_of(sections, [](auto n) { return n >= 0 && n <= 4096; }) &&
                    std::accumulate(sections.begin(), sections.end(), std::int64_t{0}) ==
                        static_cast<std::int64_t>(frequencies.size());
  if (!fits) {
    fail("{}: mrope_section [{}] must be three numbers that add up to half the head size, {}",
         settings.where(), fmt::join(sections, ", "), frequencies.size());
  }
  const bool interleaved = axes == RopeAxes::kInterleaved;
  if (settings.boolean_or("mrope_interleaved", interleaved) != interleaved) {
    fail("{}: mrope_interleaved {} is not supported for this family", settings.where(),
         !interleaved);
  }
  return interleaved ? nn::interleaved_multimodal_rotary(std::move(frequencies), sections)
                     : nn::multimodal_rotary(std::move(frequencies), sections);
}

}  // namespace

std::optional<JsonObject> rope_settings(const JsonObject& config) {
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (config.has(key)) return config.object(key);
  }
  return std::nullopt;
}

nn::RotaryAxes read_rotary(const std::optional<JsonObject>& settings, const std::string& where,
                           const RopeDefaults& defaults) {
  const double theta =
      settings ? settings->number_or("rope_theta", defaults.theta) : defaults.theta;
  if (!(theta > 0.0)) fail("{}: rope_theta must be positive, found {}", where, theta);
  std::vector<float> frequencies = nn::rotary_frequencies(theta, defaults.head_dim);
  if (!settings) {
    if (defaults.axes != RopeAxes::kText) fail("{}: \"rope_scaling\" is missing", where);
    return nn::text_rotary(std::move(frequencies));
  }
  const std::string type = settings->string_or("rope_type", settings->string_or("type", "default"));
  if (const double part = settings->number_or("partial_rotary_factor", 1.0); part != 1.0) {
    fail("{}: partial_rotary_factor {} is not supported; 1 is", settings->where(), part);
  }
  scale_frequencies(*settings, type, defaults, frequencies);
  if (defaults.axes != RopeAxes::kText) {
    return deal_to_axes(*settings, defaults.axes, std::move(frequencies));
  }
  for (const char* key : {"mrope_section", "mrope_interleaved"}) {
    if (settings->has(key)) fail("{}: \"{}\" is not for a text model", settings->where(), key);
  }
  return nn::text_rotary(std::move(frequencies));
}

}  // namespace saccade::models
