#include "models/rope_config.h"

#include <algorithm>
#include <cmath>
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

double original_context(const JsonObject& settings, const RopeDefaults& defaults) {
  constexpr std::string_view kKey = "original_max_position_embeddings";
  const auto whole = static_cast<double>(defaults.context_length);
  return positive(settings, kKey, settings.number_or(kKey, whole));
}

void scale_llama3(const JsonObject& settings, const RopeDefaults& defaults,
                  std::vector<float>& frequencies) {
  refuse_other_keys(
      settings, "llama3",
      {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"});
  const nn::Llama3Scaling scaling{
      positive(settings, "factor"), positive(settings, "low_freq_factor"),
      positive(settings, "high_freq_factor"), original_context(settings, defaults)};
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    fail("{}: high_freq_factor {} must be over low_freq_factor {}", settings.where(),
         scaling.high_freq_factor, scaling.low_freq_factor);
  }
  nn::scale_llama3(frequencies, scaling);
}

/// Returns the factor of cosines and sines.
float scale_yarn(const JsonObject& settings, double theta, const RopeDefaults& defaults,
                 std::vector<float>& frequencies) {
  refuse_other_keys(settings, "yarn",
                    {"factor", "beta_fast", "beta_slow", "original_max_position_embeddings",
                     "truncate", "attention_factor", "mscale", "mscale_all_dim"});
  nn::YarnScaling scaling;
  scaling.original_context = original_context(settings, defaults);
  const double implied = static_cast<double>(defaults.context_length) / scaling.original_context;
  scaling.factor = positive(settings, "factor", settings.number_or("factor", implied));
  scaling.beta_fast = positive(settings, "beta_fast", settings.number_or("beta_fast", 32.0));
  scaling.beta_slow = positive(settings, "beta_slow", settings.number_or("beta_slow", 1.0));
  scaling.truncate = settings.boolean_or("truncate", true);
  if (theta == 1.0) fail("{}: rope_theta 1 cannot be stretched", settings.where());
  nn::scale_yarn(frequencies, theta, scaling);
  if (settings.has("attention_factor")) {
    return static_cast<float>(positive(settings, "attention_factor"));
  }
  const auto magnitude = [&](double share) {
    return scaling.factor <= 1.0 ? 1.0 : 0.1 * share * std::log(scaling.factor) + 1.0;
  };
  const double share = settings.number_or("mscale", 0.0);
  const double all = settings.number_or("mscale_all_dim", 0.0);
  return static_cast<float>(share != 0.0 && all != 0.0 ? magnitude(share) / magnitude(all)
                                                       : magnitude(1.0));
}

/// Frequencies of a rotary in which a part of the features turns as fast as in a whole head, and
/// the others stand still (Gemma 4).
nn::RotaryAxes proportional_rotary(const JsonObject& settings, double theta, double part,
                                   const RopeDefaults& defaults) {
  refuse_other_keys(settings, "proportional", {"factor"});
  const double factor = positive(settings, "factor", settings.number_or("factor", 1.0));
  const double turning = std::floor(part * defaults.head_dim / 2);
  if (!(part >= 0.0 && part <= 1.0) || defaults.axes != RopeAxes::kText) {
    fail("{}: partial_rotary_factor {} is not supported for heads of {} in this family",
         settings.where(), part, defaults.head_dim);
  }
  std::vector<float> frequencies = nn::rotary_frequencies(theta, defaults.head_dim);
  nn::scale_linear(frequencies, factor);
  std::fill(frequencies.begin() + static_cast<std::ptrdiff_t>(turning), frequencies.end(), 0.0f);
  return nn::text_rotary(std::move(frequencies));
}

/// Scales the frequencies as the settings' rope type asks; returns the factor of cosines and sines.
float scale_frequencies(const JsonObject& settings, double theta, const RopeDefaults& defaults,
                        std::vector<float>& frequencies) {
  const std::string type = settings.string_or("rope_type", settings.string_or("type", "default"));
  if (type == "linear") {
    refuse_other_keys(settings, type, {"factor"});
    nn::scale_linear(frequencies, positive(settings, "factor"));
  } else if (type == "llama3") {
    scale_llama3(settings, defaults, frequencies);
  } else if (type == "yarn") {
    return scale_yarn(settings, theta, defaults, frequencies);
  } else if (type == "default" || (type == "mrope" && defaults.axes == RopeAxes::kMultimodal)) {
    refuse_other_keys(settings, type, {});
  } else {
    fail(
        "{}: rope type \"{}\" is not supported; default, linear, llama3, proportional and yarn are",
        settings.where(), type);
  }
  return 1.0f;
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
  const double part =
      settings ? settings->number_or("partial_rotary_factor", defaults.partial) : defaults.partial;
  if (settings && settings->string_or("rope_type", "default") == "proportional") {
    return proportional_rotary(*settings, theta, part, defaults);
  }
  const int turning = static_cast<int>(defaults.head_dim * part);
  if (part != 1.0 && !(defaults.may_be_partial && turning >= 2 && turning % 2 == 0 && part < 1.0)) {
    fail("{}: partial_rotary_factor {} is not supported for heads of {} in this family", where,
         part, defaults.head_dim);
  }
  std::vector<float> frequencies = nn::rotary_frequencies(theta, turning);
  if (!settings) {
    if (defaults.axes != RopeAxes::kText) fail("{}: \"rope_scaling\" is missing", where);
    return nn::text_rotary(std::move(frequencies));
  }
  const float scale = scale_frequencies(*settings, theta, defaults, frequencies);
  nn::RotaryAxes rotary;
  if (defaults.axes != RopeAxes::kText) {
    rotary = deal_to_axes(*settings, defaults.axes, std::move(frequencies));
  } else {
    for (const char* key : {"mrope_section", "mrope_interleaved"}) {
      if (settings->has(key)) fail("{}: \"{}\" is not for a text model", settings->where(), key);
    }
    rotary = nn::text_rotary(std::move(frequencies));
  }
  rotary.scale = scale;
  return rotary;
}

}  // namespace saccade::models
