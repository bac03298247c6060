#include "convert/gguf_metadata.h"

#include <array>
#include <filesystem>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/json.h"
#include "checkpoint/gguf_rope.h"

namespace saccade::conversion {
namespace {

using boost::json::object;

std::uint32_t count(std::int64_t number) {
  return static_cast<std::uint32_t>(number);
}

/// llama.cpp's name for what most of a file is made of (enum llama_ftype).
std::uint32_t file_type(const Target& target, DType dtype) {
  const bool mixed = target.high.has_value();
  if (!target.quantized) return dtype == DType::kF32 ? 0 : dtype == DType::kF16 ? 1 : 32;
  switch (target.quantized->ggml) {
    case GgmlType::kQ4_0:
      return 2;
    case GgmlType::kQ4_1:
      return 3;
    case GgmlType::kQ8_0:
      return 7;
    case GgmlType::kQ5_0:
      return 8;
    case GgmlType::kQ5_1:
      return 9;
    case GgmlType::kQ2_K:
      return 10;
    case GgmlType::kQ3_K:
      return mixed ? 12 : 11;
    case GgmlType::kQ4_K:
      return mixed ? 15 : 14;
    case GgmlType::kQ5_K:
      return mixed ? 17 : 16;
    case GgmlType::kQ6_K:
      return 18;
    case GgmlType::kIQ4_NL:
      return 25;
    case GgmlType::kIQ4_XS:
      return 30;
    default:
      return 38;
  }
}

/// The settings of rotary positions, wherever a config has them.
object rope_settings(const object& text) {
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    const auto* value = text.if_contains(key);
    if (value && value->is_object()) return value->get_object();
  }
  return {};
}

std::string rope_type(const object& rope) {
  for (const char* key : {"rope_type", "type"}) {
    const auto* value = rope.if_contains(key);
    if (value && value->is_string()) return std::string(value->get_string());
  }
  return "default";
}

double number_or(const object& object, std::string_view key, double otherwise) {
  const auto* value = object.if_contains(key);
  return value && value->is_number() ? value->to_number<double>() : otherwise;
}

void add_rope(checkpoint::GgufWriter& writer, const object& text, const std::string& prefix) {
  object rope = rope_settings(text);
  // Gemma 3's newer layout has settings for each kind of layer.
  object local;
  if (const auto* full = rope.if_contains("full_attention"); full && full->is_object()) {
    const auto* sliding = rope.if_contains("sliding_attention");
    if (sliding && sliding->is_object()) local = sliding->get_object();
    rope = object(full->get_object());
  }
  const double theta = number_or(rope, "rope_theta", number_or(text, "rope_theta", 10000.0));
  writer.add(prefix + "rope.freq_base", static_cast<float>(theta));
  if (prefix == "gemma3.") {
    const double swa = number_or(local, "rope_theta", number_or(text, "rope_local_base_freq", 1e4));
    writer.add(prefix + "rope.freq_base_swa", static_cast<float>(swa));
  }
  const std::string type = rope_type(rope);
  if (type == "linear") {
    writer.add(prefix + "rope.scaling.type", "linear");
    writer.add(prefix + "rope.scaling.factor", static_cast<float>(number_or(rope, "factor", 1.0)));
  } else if (type != "default" && type != "mrope" && type != "llama3") {
    fail(
        "config.json: a GGUF file cannot hold rope type \"{}\"; default, linear, llama3 and "
        "mrope can",
        type);
  }
  if (const auto* sections = rope.if_contains("mrope_section"); sections && sections->is_array()) {
    std::vector<std::int32_t> numbers;
    for (const auto& size : sections->get_array()) {
      numbers.push_back(static_cast<std::int32_t>(size.to_number<std::int64_t>()));
    }
    numbers.resize(4);
    writer.add_array(prefix + "rope.dimension_sections", numbers);
  }
}

std::int64_t head_dim_of(const JsonObject& text) {
  return text.integer_or(
      "head_dim", text.integer("hidden_size") / text.integer_in("num_attention_heads", 1, 1 << 20));
}

/// Every how many layers one sees everything, from whichever of its forms a config has. Throws
/// Error where the layers follow no such rule.
std::int64_t full_layer_pattern(const JsonObject& text) {
  const boost::json::value* types = text.find("layer_types");
  if (!types || !types->is_array()) {
    return text.integer_or("sliding_window_pattern", text.integer_or("_sliding_window_pattern", 6));
  }
  const boost::json::array& list = types->get_array();
  const auto is_full = [&](std::size_t i) { return list[i] == "full_attention"; };
  std::size_t pattern = 1;
  while (pattern <= list.size() && !is_full(pattern - 1)) ++pattern;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (is_full(i) != ((i + 1) % pattern == 0)) {
      fail("{}: a GGUF file cannot hold these layer_types: not every n-th is full_attention",
           text.where());
    }
  }
  return static_cast<std::int64_t>(pattern);
}

void add_gemma3(checkpoint::GgufWriter& writer, const JsonObject& text) {
  writer.add("gemma3.attention.sliding_window", count(text.integer_or("sliding_window", 512)));
  writer.add("gemma3.attention.sliding_window_pattern", count(full_layer_pattern(text)));
  // llama.cpp scales queries by the size of a head, and by the mean one in the model of 62 layers.
  const std::int64_t heads = text.integer("num_attention_heads");
  const std::int64_t scale = text.integer("num_hidden_layers") == 62
                                 ? text.integer("hidden_size") / heads
                                 : head_dim_of(text);
  if (text.integer_or("query_pre_attn_scalar", scale) != scale) {
    fail("{}: a GGUF file cannot hold query_pre_attn_scalar {}; {} is what llama.cpp computes with",
         text.where(), text.integer("query_pre_attn_scalar"), scale);
  }
}

/// Refuses what the other architectures compute and the format has no word for.
void check_windows(const JsonObject& text, const std::string& architecture) {
  const std::int64_t window = text.integer_or("sliding_window", 0);
  const std::int64_t context = text.integer_or("max_position_embeddings", 131072);
  const bool qwen = architecture.starts_with("qwen");
  const bool used = !qwen || text.boolean_or("use_sliding_window", false);
  if (window > 0 && window < context && used) {
    fail("{}: a GGUF file of {} cannot hold sliding_window {}: llama.cpp would look at everything",
         text.where(), architecture, window);
  }
  if (architecture.starts_with("qwen3") && text.boolean_or("attention_bias", false)) {
    fail("{}: a GGUF file of {} cannot hold attention_bias", text.where(), architecture);
  }
}

/// The numbers of a preprocessor_config.json, or of the processor's.
std::vector<float> pixel_numbers(const checkpoint::Checkpoint& source, const char* key,
                                 const std::array<float, 3>& otherwise) {
  for (const char* file : {"preprocessor_config.json", "processor_config.json"}) {
    const auto document = source.optional_json(file);
    if (!document || !document->is_object()) continue;
    const object* settings = &document->get_object();
    if (const auto* nested = settings->if_contains("image_processor");
        nested && nested->is_object()) {
      settings = &nested->get_object();
    }
    const auto* list = settings->if_contains(key);
    if (!list || !list->is_array() || list->get_array().size() != 3) continue;
    std::vector<float> numbers;
    for (const auto& number : list->get_array()) {
      numbers.push_back(static_cast<float>(number.to_number<double>()));
    }
    return numbers;
  }
  return {otherwise.begin(), otherwise.end()};
}

/// Every how many blocks one sees the whole picture, the only rule that the format can hold.
std::int64_t full_attention_pattern(const JsonObject& vision) {
  const std::vector<std::int64_t> full = vision.integers("fullatt_block_indexes");
  const std::int64_t depth = vision.integer("depth");
  const std::int64_t pattern = full.empty() ? depth + 1 : full[0] + 1;
  std::vector<std::int64_t> regular;
  for (std::int64_t i = pattern - 1; i < depth; i += pattern) regular.push_back(i);
  if (full != regular) {
    fail("{}: a GGUF file cannot hold fullatt_block_indexes [{}]: not every n-th", vision.where(),
         fmt::join(full, ", "));
  }
  return pattern;
}

std::int64_t first_of(const JsonObject& object, std::initializer_list<const char*> keys,
                      std::int64_t otherwise) {
  for (const char* key : keys) {
    const boost::json::value* value = object.find(key);
    if (!value) continue;
    if (value->is_array() && !value->get_array().empty()) {
      return value->get_array()[0].to_number<std::int64_t>();
    }
    return object.integer(key);
  }
  return otherwise;
}

}  // namespace

std::vector<float> rope_factors(const checkpoint::Checkpoint& source) {
  const boost::json::value config = text_config(source);
  const object rope = rope_settings(config.get_object());
  if (rope_type(rope) != "llama3") return {};
  const JsonObject text(config, source.where("config.json"));
  const boost::json::value settings = rope;
  const JsonObject llama3(settings, source.where("config.json") + ": rope_scaling");
  const double theta = llama3.number_or("rope_theta", text.number_or("rope_theta", 10000.0));
  const std::vector<double> factors = checkpoint::llama3_rope_factors(
      theta, static_cast<int>(head_dim_of(text)), llama3.number("factor"),
      llama3.number("low_freq_factor"), llama3.number("high_freq_factor"),
      llama3.number("original_max_position_embeddings"));
  return {factors.begin(), factors.end()};
}

void add_text_metadata(checkpoint::GgufWriter& writer, const checkpoint::Checkpoint& source,
                       const GgufKind& kind, const Target& target) {
  const boost::json::value config = text_config(source);
  const JsonObject text(config, source.where("config.json"));
  const std::string prefix = kind.architecture + ".";
  writer.add("general.architecture", kind.architecture);
  writer.add("general.type", "model");
  writer.add("general.name", std::filesystem::path(source.where()).filename().string());
  DType dtype = DType::kBF16;
  for (const auto& [name, info] : source.tensors()) {
    if (name.ends_with("embed_tokens.weight")) {
      dtype = info.type == "f32" ? DType::kF32 : info.type == "f16" ? DType::kF16 : DType::kBF16;
    }
  }
  writer.add("general.file_type", file_type(target, target.dtype.value_or(dtype)));
  writer.add("general.quantization_version", std::uint32_t{2});
  const std::int64_t heads = text.integer("num_attention_heads");
  const std::int64_t head_dim = head_dim_of(text);
  writer.add(prefix + "block_count", count(text.integer("num_hidden_layers")));
  writer.add(prefix + "context_length", count(text.integer_or("max_position_embeddings", 131072)));
  writer.add(prefix + "embedding_length", count(text.integer("hidden_size")));
  writer.add(prefix + "feed_forward_length", count(text.integer("intermediate_size")));
  writer.add(prefix + "attention.head_count", count(heads));
  writer.add(prefix + "attention.head_count_kv",
             count(text.integer_or("num_key_value_heads", heads)));
  writer.add(prefix + "attention.key_length", count(head_dim));
  writer.add(prefix + "attention.value_length", count(head_dim));
  writer.add(prefix + "attention.layer_norm_rms_epsilon",
             static_cast<float>(text.number_or("rms_norm_eps", 1e-6)));
  writer.add(prefix + "rope.dimension_count", count(head_dim));
  add_rope(writer, config.get_object(), prefix);
  if (kind.architecture == "gemma3") {
    add_gemma3(writer, text);
  } else {
    check_windows(text, kind.architecture);
  }
  if (kind.architecture == "qwen3vl") {
    const JsonObject root(source.config(), source.where("config.json"));
    const auto layers = root.object("vision_config").integers("deepstack_visual_indexes");
    writer.add(prefix + "n_deepstack_layers", count(std::ssize(layers)));
  }
}

void add_tower_metadata(checkpoint::GgufWriter& writer, const checkpoint::Checkpoint& source,
                        const GgufKind& kind) {
  const JsonObject root(source.config(), source.where("config.json"));
  const JsonObject vision = root.object("vision_config");
  const boost::json::value config = text_config(source);
  const JsonObject text(config, source.where("config.json"));
  const std::string prefix = "clip.vision.";
  writer.add("general.architecture", "clip");
  writer.add("general.type", "mmproj");
  writer.add("general.name", std::filesystem::path(source.where()).filename().string());
  writer.add("general.quantization_version", std::uint32_t{2});
  writer.add("clip.has_vision_encoder", true);
  writer.add("clip.projector_type", kind.projector);
  const bool qwen = kind.projector.starts_with("qwen");
  const std::int64_t width = kind.projector == "qwen2vl_merger" ? vision.integer("embed_dim")
                                                                : vision.integer("hidden_size");
  const double ratio = vision.number_or("mlp_ratio", 4.0);
  const auto wide = static_cast<std::int64_t>(static_cast<double>(width) * ratio);
  writer.add(prefix + "embedding_length", count(width));
  writer.add(prefix + "feed_forward_length", count(vision.integer_or("intermediate_size", wide)));
  writer.add(prefix + "block_count", count(first_of(vision, {"depth", "num_hidden_layers"}, 12)));
  writer.add(prefix + "attention.head_count",
             count(first_of(vision, {"num_heads", "num_attention_heads"}, 12)));
  const double rms = kind.projector == "pixtral" ? 1e-5 : 1e-6;
  writer.add(prefix + "attention.layer_norm_epsilon",
             static_cast<float>(vision.number_or("layer_norm_eps", rms)));
  writer.add(prefix + "patch_size", count(first_of(vision, {"patch_size"}, 14)));
  // Towers for any size name the one that llama.cpp warms up with.
  writer.add(prefix + "image_size", count(qwen ? 560 : first_of(vision, {"image_size"}, 224)));
  writer.add(prefix + "projection_dim", count(text.integer("hidden_size")));
  writer.add_array(prefix + "image_mean",
                   pixel_numbers(source, "image_mean", {0.48145466f, 0.4578275f, 0.40821073f}));
  writer.add_array(prefix + "image_std",
                   pixel_numbers(source, "image_std", {0.26862954f, 0.26130258f, 0.27577711f}));
  const std::string activation = vision.string_or("hidden_act", "");
  if (activation == "silu") writer.add("clip.use_silu", true);
  if (activation.starts_with("gelu")) writer.add("clip.use_gelu", true);
  if (qwen)
    writer.add(prefix + "spatial_merge_size", count(vision.integer_or("spatial_merge_size", 2)));
  if (kind.projector == "qwen2.5vl_merger") {
    writer.add(prefix + "n_wa_pattern", count(full_attention_pattern(vision)));
    writer.add(prefix + "window_size", count(vision.integer_or("window_size", 112)));
  }
  if (kind.projector == "idefics3") {
    writer.add(prefix + "projector.scale_factor", count(root.integer_or("scale_factor", 2)));
  } else if (kind.projector == "internvl") {
    const double shrink = root.number_or("downsample_ratio", 0.5);
    writer.add(prefix + "projector.scale_factor", count(static_cast<std::int64_t>(1.0 / shrink)));
  } else if (kind.projector == "gemma3") {
    const std::int64_t side =
        first_of(vision, {"image_size"}, 896) / first_of(vision, {"patch_size"}, 14);
    std::int64_t tokens = 1;
    while ((tokens + 1) * (tokens + 1) <= root.integer_or("mm_tokens_per_image", 256)) ++tokens;
    writer.add(prefix + "projector.scale_factor", count(side / tokens));
  } else if (kind.projector == "pixtral") {
    writer.add(prefix + "spatial_merge_size", count(root.integer_or("spatial_merge_size", 1)));
  } else if (kind.projector == "mlp") {
    std::int64_t layer = first_of(root, {"vision_feature_layer"}, -2);
    if (layer < 0) layer += first_of(vision, {"num_hidden_layers"}, 24) + 1;
    writer.add_array(prefix + "feature_layer",
                     std::vector<std::int32_t>{static_cast<std::int32_t>(layer)});
  }
}

}  // namespace saccade::conversion
