#include "checkpoint/stored_weights.h"

#include <array>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/weight_layouts.h"

namespace saccade::checkpoint {
namespace {

/// The quantization settings: an object of either name, or an empty one.
const boost::json::value& find_settings(const boost::json::value& config,
                                        const std::string& where) {
  static const boost::json::value kNone = boost::json::object{};
  const JsonObject root(config, where);
  for (const char* key : {"quantization", "quantization_config"}) {
    if (const boost::json::value* found = root.find(key)) return *found;
  }
  // compressed-tensors of vision-language models may keep them beside the text model's sizes.
  if (const boost::json::value* text = root.find("text_config")) {
    if (const auto* found = JsonObject(*text, where).find("quantization_config")) return *found;
  }
  return kNone;
}

bool strip_suffix(std::string& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.resize(name.size() - suffix.size());
  return true;
}

/// Tensors that belong to a module's weight and are none themselves.
bool is_companion(const TensorFiles& files, const std::string& name) {
  struct Companion {
    std::string_view suffix;
    std::array<std::string_view, 2> owners;
  };
  static constexpr Companion kCompanions[] = {
      {".scales", {".weight", ".qweight"}},
      {".biases", {".scales", ".scales"}},
      {".qzeros", {".qweight", ".qweight"}},
      {".g_idx", {".qweight", ".qweight"}},
      {".weight_scale", {".weight_packed", ".weight"}},
      {".weight_scale_inv", {".weight", ".weight"}},
      {".weight_shape", {".weight_packed", ".weight_packed"}},
      {".weight_zero_point", {".weight_packed", ".weight_packed"}},
      {".weight_g_idx", {".weight_packed", ".weight_packed"}},
      {".input_scale", {".weight", ".weight_packed"}},
      {".activation_scale", {".weight", ".weight_packed"}},
  };
  for (const Companion& companion : kCompanions) {
    std::string module = name;
    if (!strip_suffix(module, companion.suffix)) continue;
    for (const std::string_view owner : companion.owners) {
      if (files.has(module + std::string(owner))) return true;
    }
  }
  return false;
}

StoredWeight plain_weight(const TensorFiles& files, const std::string& name) {
  StoredWeight weight;
  const StoredTensor stored = files.get(name);
  const auto dtype = float_dtype(stored.dtype);
  weight.info = {dtype ? std::string(dtype_name(*dtype)) : stored.dtype, stored.shape,
                 stored.bytes};
  weight.tensors = {name};
  weight.matrix = [&files, name] { return float_matrix(files.tensor(name)); };
  return weight;
}

StoredWeight quantized_int(const LayoutInput& input) {
  const std::string method = input.settings.string_or("quant_method", "");
  if (method == "awq") return awq_weight(input);
  if (method == "gptq") return gptq_weight(input);
  fail("{}: quant_method \"{}\" of {}.qweight is not supported; awq and gptq are",
       input.settings.where(), method, input.module);
}

}  // namespace

StoredWeight make_weight(const HostMatrix& matrix, const Shape& shape,
                         std::vector<std::string> tensors) {
  return {{matrix.format.name(), shape, matrix.bytes()}, std::move(tensors), [matrix] {
            return matrix;
          }};
}

StoredWeights find_weights(const TensorFiles& files, const boost::json::value& config,
                           const std::string& where) {
  const JsonObject settings(find_settings(config, where), where + ": quantization");
  StoredWeights weights;
  for (const auto& [name, file] : files.names()) {
    std::string module = name;
    if (strip_suffix(module, ".qweight")) {
      weights.emplace(module + ".weight", quantized_int({files, settings, module}));
    } else if (module = name; strip_suffix(module, ".weight_packed")) {
      weights.emplace(module + ".weight", packed_int_weight({files, settings, module}));
    } else if (module = name; strip_suffix(module, ".weight") && files.has(module + ".scales")) {
      weights.emplace(name, mlx_weight({files, settings, module}));
    } else if (name.ends_with(".weight") && files.get(name).dtype == "F8_E4M3") {
      weights.emplace(name, fp8_weight({files, settings, module}));
    } else if (!is_companion(files, name)) {
      weights.emplace(name, plain_weight(files, name));
    }
  }
  return weights;
}

}  // namespace saccade::checkpoint
