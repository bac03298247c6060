#include "convert/mlx_plan.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "checkpoint/mlx_names.h"

namespace saccade::conversion {
namespace {

using Kind = WeightFormat::Kind;

constexpr std::string_view kWeight = ".weight";

std::optional<DType> dtype_named(std::string_view name) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  return std::nullopt;
}

/// The number in "...layers.N.", or nothing.
std::optional<std::int64_t> layer_of(std::string_view name) {
  constexpr std::string_view kLayers = "layers.";
  const std::size_t at = name.find(kLayers);
  if (at == std::string_view::npos) return std::nullopt;
  std::int64_t layer = 0;
  const char* begin = name.data() + at + kLayers.size();
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), layer);
  return error == std::errc() ? std::optional(layer) : std::nullopt;
}

/// Whether a tensor is the matrix of a Linear or an Embedding.
bool is_matrix(const std::string& name, const Shape& shape) {
  return shape.rank() == 2 && name.ends_with(kWeight);
}

/// Plans one tensor after another.
class Planner {
 public:
  Planner(const checkpoint::Checkpoint& source, const Target& target)
      : source_(source),
        target_(target),
        names_(checkpoint::mlx_names(source.config())),
        layers_(count_layers(source)) {}

  MlxPlan plan() {
    MlxPlan plan;
    for (const auto& [name, info] : source_.tensors()) {
      if (is_left_out(source_, name)) continue;
      plan.weights.push_back(weight(name, info));
    }
    std::sort(plan.weights.begin(), plan.weights.end(),
              [](const WeightPlan& a, const WeightPlan& b) { return a.name < b.name; });
    plan.left_unquantized = left_unquantized_;
    plan.config = config(plan.weights);
    return plan;
  }

 private:
  WeightPlan weight(const std::string& name, const checkpoint::TensorInfo& info) {
    WeightPlan plan;
    plan.source = name;
    plan.name = checkpoint::to_mlx_name(names_, name);
    plan.shape = info.shape;
    const std::optional<DType> dtype = dtype_named(info.type);
    std::vector<HostMatrix> parts;
    if (!dtype) parts = source_.matrix(name);  // opens it: a type that cannot be read is refused
    const DType number = target_.dtype.value_or(dtype ? *dtype : dequantized_dtype(source_));
    plan.format = WeightFormat::floating(number);
    if (checkpoint::is_convolution(name, info.shape)) {
      plan.channels_last = dtype.has_value();
      if (plan.channels_last) plan.shape = checkpoint::with_channels_last(info.shape);
      plan.keep_codes = dtype == number;
      return plan;
    }
    choose_format(plan, name, info, parts, number);
    if (dtype && plan.format == WeightFormat::floating(*dtype)) plan.keep_codes = true;
    if (plan.format.quantized()) plan.name.resize(plan.name.size() - kWeight.size());
    return plan;
  }

  void choose_format(WeightPlan& plan, const std::string& name, const checkpoint::TensorInfo& info,
                     const std::vector<HostMatrix>& parts, DType number) {
    if (!is_matrix(name, info.shape)) return;
    const std::optional<WeightFormat> held = parts.empty() ? std::nullopt : common_format(parts);
    std::optional<WeightFormat> wanted;
    if (target_.quantized && (target_.towers || !is_tower(name))) {
      const bool high = target_.high && suffers_most(name, layers_);
      wanted = high ? target_.high : target_.quantized;
      if (wanted->kind == Kind::kAffine) wanted->dtype = number;
    }
    if (held && (!target_.quantized || (wanted && same_codes(*held, *wanted)))) {
      plan.format = *held;
      plan.keep_codes = true;
      return;
    }
    if (!wanted) return;
    const std::int64_t inputs = info.shape[1];
    if (can_quantize(*wanted, inputs)) {
      plan.format = *wanted;
    } else {
      ++left_unquantized_;
    }
  }

  /// The format that holds the codes of all parts, if there is one.
  static std::optional<WeightFormat> common_format(const std::vector<HostMatrix>& parts) {
    std::optional<WeightFormat> common;
    for (const HostMatrix& part : parts) {
      const std::optional<WeightFormat> format = mlx_equivalent(part);
      if (!format || (common && *common != *format)) return std::nullopt;
      common = format;
    }
    return common;
  }

  /// Whether codes need no other ones to be what was asked for. Without --group-size any will do.
  bool same_codes(const WeightFormat& held, const WeightFormat& wanted) const {
    return held.kind == wanted.kind && held.bits == wanted.bits &&
           (held.group_size == wanted.group_size ||
            (!target_.group_size_given && held.kind == Kind::kAffine));
  }

  boost::json::object config(const std::vector<WeightPlan>& weights) const;

  const checkpoint::Checkpoint& source_;
  const Target& target_;
  checkpoint::MlxNames names_;
  std::int64_t layers_;
  std::int64_t left_unquantized_ = 0;
};

/// {"group_size", "bits", "mode"} of a format.
boost::json::object settings_of(const WeightFormat& format) {
  const char* mode = format.kind == Kind::kMxfp4   ? "mxfp4"
                     : format.kind == Kind::kMxfp8 ? "mxfp8"
                     : format.kind == Kind::kNvfp4 ? "nvfp4"
                                                   : "affine";
  return {{"group_size", format.group_size}, {"bits", format.bits}, {"mode", mode}};
}

boost::json::object Planner::config(const std::vector<WeightPlan>& weights) const {
  boost::json::object config = source_.config().as_object();
  config.erase("quantization");
  config.erase("quantization_config");
  if (auto* text = config.if_contains("text_config"); text && text->is_object()) {
    text->as_object().erase("quantization_config");
  }
  if (target_.dtype) {
    const char* names[] = {"float32", "float16", "bfloat16"};
    const char* name = names[static_cast<int>(*target_.dtype)];
    for (const char* key : {"torch_dtype", "dtype"}) {
      if (config.contains(key)) config[key] = name;
    }
  }
  // What most modules have is said once, what others have beside their names.
  std::map<std::string, std::pair<std::int64_t, boost::json::object>> uses;
  for (const WeightPlan& weight : weights) {
    if (!weight.format.quantized()) continue;
    auto& use = uses[boost::json::serialize(settings_of(weight.format))];
    ++use.first;
    use.second = settings_of(weight.format);
  }
  if (uses.empty()) {
    if (target_.quantized) {
      fail("{}: no matrix of it has rows that {} divides; choose another --group-size",
           source_.where(), target_.quantized->name());
    }
    return config;
  }
  const auto common = std::max_element(uses.begin(), uses.end(), [](const auto& a, const auto& b) {
    return a.second.first < b.second.first;
  });
  boost::json::object quantization =
      target_.quantized ? settings_of(*target_.quantized) : common->second.second;
  const boost::json::object all = quantization;
  for (const WeightPlan& weight : weights) {
    if (!weight.format.quantized()) continue;
    // mlx-lm's recipes name every module.
    const boost::json::object own = settings_of(weight.format);
    if (target_.high || own != all) quantization[weight.name] = own;
  }
  config["quantization"] = quantization;
  config["quantization_config"] = std::move(quantization);
  return config;
}

}  // namespace

bool is_tower(std::string_view name) {
  for (const char* part : {"visual.", "vision_tower.", "vision_model.", "multi_modal_projector.",
                           "connector.", "audio_tower."}) {
    if (name.find(part) != std::string_view::npos) return true;
  }
  return false;
}

std::int64_t count_layers(const checkpoint::Checkpoint& source) {
  std::int64_t layers = 0;
  for (const auto& [name, info] : source.tensors()) {
    if (is_tower(name)) continue;
    if (const auto layer = layer_of(name)) layers = std::max(layers, *layer + 1);
  }
  return layers;
}

bool suffers_most(std::string_view name, std::int64_t layers) {
  if (name.find("lm_head") != std::string_view::npos ||
      name.find("embed_tokens") != std::string_view::npos) {
    return true;
  }
  const bool sensitive = name.find("v_proj") != std::string_view::npos ||
                         name.find("down_proj") != std::string_view::npos;
  const auto layer = layer_of(name);
  if (!sensitive || !layer) return false;
  const std::int64_t eighth = layers / 8;
  return *layer < eighth || *layer >= 7 * layers / 8 || (*layer - eighth) % 3 == 2;
}

bool is_left_out(const checkpoint::Checkpoint& source, const std::string& name) {
  // What no model reads: tables that are computed, and a counter of training.
  for (const std::string_view unread :
       {"rotary_emb.inv_freq", "position_ids", "num_batches_tracked"}) {
    if (name.ends_with(unread)) return true;
  }
  if (!name.ends_with("lm_head.weight")) return false;
  const boost::json::object& config = source.config().as_object();
  const auto tied = [](const boost::json::object& object) -> std::optional<bool> {
    const auto* value = object.if_contains("tie_word_embeddings");
    return value && value->is_bool() ? std::optional(value->get_bool()) : std::nullopt;
  };
  if (const auto own = tied(config)) return *own;
  const auto* text = config.if_contains("text_config");
  return text && text->is_object() && tied(text->get_object()).value_or(false);
}

DType dequantized_dtype(const checkpoint::Checkpoint& source) {
  const boost::json::object& config = source.config().as_object();
  const auto named = [](const boost::json::object& object) -> std::optional<DType> {
    for (const char* key : {"torch_dtype", "dtype"}) {
      const auto* value = object.if_contains(key);
      if (!value || !value->is_string()) continue;
      if (*value == "float32") return DType::kF32;
      if (*value == "float16") return DType::kF16;
    }
    return std::nullopt;
  };
  if (const auto own = named(config)) return *own;
  const auto* text = config.if_contains("text_config");
  if (text && text->is_object()) {
    if (const auto nested = named(text->get_object())) return *nested;
  }
  return DType::kBF16;
}

MlxPlan plan_mlx(const checkpoint::Checkpoint& source, const Target& target) {
  return Planner(source, target).plan();
}

}  // namespace saccade::conversion
