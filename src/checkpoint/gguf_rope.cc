#include "checkpoint/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "tensor/dequantize.h"

namespace saccade::checkpoint {
namespace {

using boost::json::object;

// What all published models with such factors were made with.
constexpr double kLowFrequency = 1.0;
constexpr double kHighFrequency = 4.0;
constexpr double kOriginalContext = 8192.0;
constexpr std::int64_t kMostFactors = 4096;

/// The file keeps only the factors themselves; the settings they come from are found again.
object llama3_scaling(const object& config, const GgufFile& file) {
  const GgufFile::Entry& entry = file.entry("rope_freqs.weight");
  if (entry.type != static_cast<std::uint32_t>(GgmlType::kF32) || entry.shape.rank() != 1 ||
      entry.shape[0] > kMostFactors) {
    fail("{}: rope_freqs.weight: wanted a vector of F32, one for each two numbers of a head",
         file.path().string());
  }
  double factor = 1.0;
  for (std::int64_t i = 0; i < entry.shape[0]; ++i) {
    factor = std::max<double>(factor, float_at(file.data(entry), DType::kF32, i));
  }
  const std::vector<double> wanted =
      llama3_rope_factors(config.at("rope_theta").as_double(), static_cast<int>(2 * entry.shape[0]),
                          factor, kLowFrequency, kHighFrequency, kOriginalContext);
  for (std::int64_t i = 0; i < entry.shape[0]; ++i) {
    const double found = float_at(file.data(entry), DType::kF32, i);
    if (!(std::abs(found - wanted[i]) <= 1e-3 * wanted[i])) {
      fail("{}: rope_freqs.weight: factor {} is {}; only the factors of Llama 3.1 are supported",
           file.path().string(), i, found);
    }
  }
  return {{"rope_type", "llama3"},
          {"factor", factor},
          {"low_freq_factor", kLowFrequency},
          {"high_freq_factor", kHighFrequency},
          {"original_max_position_embeddings", static_cast<std::int64_t>(kOriginalContext)}};
}

/// YaRN (Peng et al., 2023). Without its own keys the widths of its ramp are the usual ones in
/// both.
object yarn_scaling(const GgufFile& file, const std::string& scaling, double factor) {
  const std::string context_key = scaling + "original_context_length";
  const auto context = file.integer(context_key);
  if (!context) fail("{}: {} is missing", file.path().string(), context_key);
  object settings{
      {"rope_type", "yarn"}, {"factor", factor}, {"original_max_position_embeddings", *context}};
  for (const char* key : {"beta_fast", "beta_slow"}) {
    if (const auto beta = file.number(scaling + "yarn_" + key)) settings[key] = *beta;
  }
  for (const char* key : {"attn_factor", "yarn_attn_factor", "yarn_ext_factor"}) {
    if (const auto value = file.number(scaling + key); value && *value != 1.0) {
      fail("{}: {}{} {} is not supported; 1 is", file.path().string(), scaling, key, *value);
    }
  }
  return settings;
}

}  // namespace

std::vector<double> llama3_rope_factors(double theta, int dim, double factor, double low,
                                        double high, double original_context) {
  std::vector<double> factors;
  for (int i = 0; i < dim / 2; ++i) {
    const double frequency = std::pow(theta, -2.0 * i / dim);
    const double turns = original_context * frequency / (2.0 * std::numbers::pi);
    const double smooth = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    factors.push_back(1.0 / ((1.0 - smooth) / factor + smooth));
  }
  return factors;
}

void add_rope_scaling(object& config, const GgufFile& file, const std::string& prefix,
                      bool with_pictures) {
  const std::string key = prefix + "rope.scaling.type";
  const std::string type(file.string(key).value_or("none"));
  if (type == "linear" || type == "yarn") {
    const auto factor = file.number(prefix + "rope.scaling.factor");
    if (!factor) fail("{}: {}rope.scaling.factor is missing", file.path().string(), prefix);
    config["rope_scaling"] = type == "yarn" ? yarn_scaling(file, prefix + "rope.scaling.", *factor)
                                            : object{{"rope_type", "linear"}, {"factor", *factor}};
  } else if (type != "none") {
    fail("{}: {} \"{}\" is not supported; linear and yarn are", file.path().string(), key, type);
  }
  if (file.tensors().contains("rope_freqs.weight")) {
    config["rope_scaling"] = llama3_scaling(config, file);
  }
  std::vector<std::int64_t> sections = file.integers(prefix + "rope.dimension_sections");
  if (sections.empty() || !with_pictures) return;
  sections.resize(3);  // the fourth is of no axis
  object scaling{{"rope_type", "default"}};
  if (const auto* other = config.if_contains("rope_scaling")) scaling = other->as_object();
  scaling["mrope_section"] = boost::json::array(sections.begin(), sections.end());
  if (prefix == "qwen3vl.") scaling["mrope_interleaved"] = true;
  config["rope_scaling"] = std::move(scaling);
}

}  // namespace saccade::checkpoint
