#include "convert/gguf_plan.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/mlx_names.h"
#include "convert/mlx_plan.h"

namespace saccade::conversion {
namespace {

using checkpoint::GgufChange;
using checkpoint::GgufMatch;
using checkpoint::GgufNames;

struct Prefix {
  std::string_view from;
  std::string_view to;
};

/// Names in the one layout that the tables of GGUF names use.
std::string table_name(const std::string& name, const std::string& projector) {
  static constexpr Prefix kPrefixes[] = {
      {"model.language_model.", "model."},
      {"language_model.model.", "model."},
      {"model.text_model.", "model."},
      {"language_model.lm_head.", "lm_head."},
      {"visual.", "model.visual."},
      {"vision_tower.", "model.vision_tower."},
      {"multi_modal_projector.", "model.multi_modal_projector."},
  };
  std::string found = name;
  for (const Prefix& prefix : kPrefixes) {
    if (!name.starts_with(prefix.from)) continue;
    found = std::string(prefix.to) + name.substr(prefix.from.size());
    break;
  }
  // The towers of CLIP's kind are nested once more in the tables.
  constexpr std::string_view kTower = "model.vision_tower.";
  const bool clip = projector == "mlp" || projector == "gemma3";
  if (clip && found.starts_with(kTower) && !found.starts_with("model.vision_tower.vision_model.")) {
    found.insert(kTower.size(), "vision_model.");
  }
  return found;
}

/// What llama.cpp takes where rows are no whole blocks.
GgmlType fitting_type(GgmlType wanted, std::int64_t inputs) {
  if (inputs % ggml_traits(wanted).elements == 0) return wanted;
  GgmlType smaller = GgmlType::kF16;
  switch (wanted) {
    case GgmlType::kQ2_K:
    case GgmlType::kQ3_K:
    case GgmlType::kIQ4_XS:
      smaller = GgmlType::kIQ4_NL;
      break;
    case GgmlType::kQ4_K:
      smaller = GgmlType::kQ5_0;
      break;
    case GgmlType::kQ5_K:
      smaller = GgmlType::kQ5_1;
      break;
    case GgmlType::kQ6_K:
      smaller = GgmlType::kQ8_0;
      break;
    default:
      break;
  }
  return inputs % ggml_traits(smaller).elements == 0 ? smaller : GgmlType::kF16;
}

GgmlType float_type(DType dtype) {
  if (dtype == DType::kF32) return GgmlType::kF32;
  return dtype == DType::kF16 ? GgmlType::kF16 : GgmlType::kBF16;
}

/// Row i of llama.cpp's order, in which the two of a rotary pair are neighbours.
std::vector<std::int64_t> paired_rows(std::int64_t rows, std::int64_t heads) {
  const std::int64_t head = rows / heads;
  std::vector<std::int64_t> order(rows);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t in_head = row % head;
    order[row] = row - in_head + in_head % 2 * (head / 2) + in_head / 2;
  }
  return order;
}

class Planner {
 public:
  Planner(const checkpoint::Checkpoint& source, const GgufKind& kind, const Target& target)
      : source_(source),
        kind_(kind),
        target_(target),
        text_names_(checkpoint::gguf_text_names(kind.architecture)),
        layers_(count_layers(source)) {
    if (!kind.projector.empty()) tower_names_ = checkpoint::gguf_vision_names(kind.projector);
  }

  GgufPlan plan() {
    for (const auto& [name, info] : source_.tensors()) {
      if (is_left_out(source_, name)) continue;
      const std::string table = table_name(name, kind_.projector);
      const bool tower = is_tower(name) || table.starts_with("model.vision");
      // A tower's last norm that its family does not use.
      if (tower && table.find(".head.") != std::string::npos) continue;
      const GgufNames& names = tower ? tower_names_ : text_names_;
      const std::vector<GgufMatch> matches = checkpoint::match_hugging_face_name(names, table);
      if (matches.empty()) {
        fail("{}: tensor {} has no name in GGUF files of {}", source_.where(), name,
             tower ? kind_.projector : kind_.architecture);
      }
      for (const GgufMatch& match : matches) {
        add(tower ? plan_.tower : plan_.model, name, info, match, tower);
      }
    }
    return std::move(plan_);
  }

 private:
  void add(std::vector<GgufTensor>& to, const std::string& name, const checkpoint::TensorInfo& info,
           const GgufMatch& match, bool tower) {
    GgufTensor tensor;
    WeightPlan& weight = tensor.weight;
    const GgufChange change = match.entry->change;
    weight.source = name;
    weight.name = checkpoint::name_with_layer(match.entry->gguf, gguf_layer(match), match.suffix);
    weight.shape = squeezed(info.shape);
    if (change == GgufChange::kRotaryRows) {
      weight.row_order = paired_rows(info.shape[0], rotary_heads(name, tower));
    } else if (change == GgufChange::kPlusOne) {
      weight.change = [](float* values, std::int64_t count) {
        for (std::int64_t i = 0; i < count; ++i) values[i] += 1.0f;
      };
    } else if (change == GgufChange::kQueryPart || change == GgufChange::kKeyPart ||
               change == GgufChange::kValuePart) {
      take_third(weight, change);
    }
    choose_type(tensor, name, tower);
    if (change == GgufChange::kConvFrames && weight.shape.rank() == 5) {
      const Shape& s = info.shape;
      weight.shape = {s[0], s[1], s[3], s[4]};
      tensor.frame = 0;
      to.push_back(tensor);
      weight.name += ".1";
      tensor.frame = 1;
    }
    to.push_back(std::move(tensor));
  }

  void choose_type(GgufTensor& tensor, const std::string& name, bool tower) {
    WeightPlan& weight = tensor.weight;
    const std::vector<HostMatrix> parts = source_.matrix(name);
    const WeightFormat& stored = parts.at(0).format;
    const bool matrix = weight.shape.rank() == 2 && weight.name.ends_with(".weight") &&
                        !weight.change && weight.name.find("position_embd") == std::string::npos;
    if (!matrix) {
      tensor.type = GgmlType::kF32;
    } else if (target_.quantized && (!tower || target_.towers)) {
      const bool high = target_.high && suffers_most(name, layers_);
      const GgmlType wanted = (high ? target_.high : target_.quantized)->ggml;
      tensor.type = fitting_type(wanted, parts.at(0).inputs);
      if (tensor.type != wanted) ++plan_.left_unquantized;
    } else if (stored.kind == WeightFormat::Kind::kGgml) {
      tensor.type = stored.ggml;
    } else {
      const DType dtype = stored.quantized() ? dequantized_dtype(source_) : stored.dtype;
      tensor.type = float_type(target_.dtype.value_or(dtype));
    }
    weight.format = WeightFormat::blocks(tensor.type);
    weight.keep_codes =
        !weight.change && std::all_of(parts.begin(), parts.end(), [&](const HostMatrix& part) {
          return part.format == weight.format;
        });
  }

  static Shape squeezed(const Shape& shape) {
    std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
    while (dims.size() > 1 && dims.size() < 4 && dims.front() == 1) dims.erase(dims.begin());
    return Shape(std::span<const std::int64_t>(dims));
  }

  static void take_third(WeightPlan& weight, GgufChange change) {
    std::vector<std::int64_t> dims(weight.shape.dims().begin(), weight.shape.dims().end());
    dims[0] /= 3;
    weight.first_row = dims[0] * (change == GgufChange::kQueryPart ? 0
                                  : change == GgufChange::kKeyPart ? 1
                                                                   : 2);
    weight.shape = Shape(std::span<const std::int64_t>(dims));
  }

  /// Mergers of DeepStack are counted there and numbered by their layer here.
  std::optional<int> gguf_layer(const GgufMatch& match) const {
    if (!match.layer || !match.entry->gguf.starts_with("v.deepstack.")) return match.layer;
    const JsonObject config(source_.config(), source_.where("config.json"));
    const auto layers = config.object("vision_config").integers("deepstack_visual_indexes");
    return static_cast<int>(layers.at(*match.layer));
  }

  std::int64_t rotary_heads(const std::string& name, bool tower) const {
    const JsonObject config(source_.config(), source_.where("config.json"));
    if (tower) return config.object("vision_config").integer("num_attention_heads");
    const boost::json::value text = text_config(source_);
    const JsonObject decoder(text, source_.where("config.json"));
    const std::int64_t heads = decoder.integer("num_attention_heads");
    const bool keys = name.find(".k_proj.") != std::string::npos;
    return keys ? decoder.integer_or("num_key_value_heads", heads) : heads;
  }

  const checkpoint::Checkpoint& source_;
  const GgufKind& kind_;
  const Target& target_;
  GgufNames text_names_;
  GgufNames tower_names_;
  std::int64_t layers_;
  GgufPlan plan_;
};

std::string string_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(*text) : std::string();
}

/// What llama.cpp calls a decoder's family, or nothing.
std::string text_architecture(const std::string& model_type) {
  if (model_type == "llama" || model_type == "mistral") return "llama";
  if (model_type == "qwen2" || model_type == "qwen3") return model_type;
  if (model_type == "gemma3_text") return "gemma3";
  return "";
}

}  // namespace

const boost::json::object& text_config(const checkpoint::Checkpoint& source) {
  const boost::json::object& config = source.config().as_object();
  const auto* text = config.if_contains("text_config");
  return text && text->is_object() ? text->get_object() : config;
}

GgufKind gguf_kind(const checkpoint::Checkpoint& source) {
  const boost::json::object& config = source.config().as_object();
  const std::string type = string_of(config, "model_type");
  const boost::json::object& text = text_config(source);
  std::string text_type = string_of(text, "model_type");
  if (type == "qwen2_vl") return {"qwen2vl", "qwen2vl_merger"};
  if (type == "qwen2_5_vl") return {"qwen2vl", "qwen2.5vl_merger"};
  if (type == "qwen3_vl") return {"qwen3vl", "qwen3vl_merger"};
  if (type == "gemma3") return {"gemma3", "gemma3"};
  const std::string architecture = text_architecture(text_type.empty() ? "llama" : text_type);
  if (!architecture.empty()) {
    if (type == "idefics3" || type == "smolvlm") return {architecture, "idefics3"};
    if (type == "internvl") return {architecture, "internvl"};
    if (type == "mistral3") return {architecture, "pixtral"};
    if (type == "llava") {
      const auto* vision = config.if_contains("vision_config");
      const bool pixtral = vision && vision->is_object() &&
                           string_of(vision->get_object(), "model_type") == "pixtral";
      return {architecture, pixtral ? "pixtral" : "mlp"};
    }
  }
  if (const std::string plain = text_architecture(type); !plain.empty()) return {plain, ""};
  fail(
      "{}: GGUF files of model_type \"{}\"{} are not written; those of gemma3, idefics3, internvl, "
      "llama, llava, mistral, mistral3, qwen2, qwen3, qwen2_vl, qwen2_5_vl, qwen3_vl and smolvlm "
      "are",
      source.where("config.json"), type,
      text_type.empty() || text_type == type ? "" : " over " + text_type);
}

GgufPlan plan_gguf(const checkpoint::Checkpoint& source, const GgufKind& kind,
                   const Target& target) {
  return Planner(source, kind, target).plan();
}

}  // namespace saccade::conversion
