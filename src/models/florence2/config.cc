#include "models/florence2/config.h"

#include <cmath>

#include "base/error.h"
#include "models/config_reading.h"
#include "models/vlm.h"

namespace saccade::models::florence2 {
namespace {

// Far above any map, far below where the places of a window could fill the memory.
constexpr int kMaxWindow = 1024;
constexpr int kMaxKernel = 64;
constexpr int kMaxStages = 16;

/// Defaults are those of transformers' configuration classes.
struct StageLists {
  std::vector<std::int64_t> depths = {1, 1, 9, 1};
  std::vector<std::int64_t> patch_size = {7, 3, 3, 3};
  std::vector<std::int64_t> patch_stride = {4, 2, 2, 2};
  std::vector<std::int64_t> patch_padding = {3, 1, 1, 1};
  std::vector<std::int64_t> embed_dim = {128, 256, 512, 1024};
  std::vector<std::int64_t> num_heads = {4, 8, 16, 32};
  std::vector<std::int64_t> num_groups = {4, 8, 16, 32};
  std::vector<bool> patch_prenorm = {false, true, true, true};
};

/// A number in [low, high] for each stage; what `list` holds where the file is silent.
void read_list(const JsonObject& vision, std::string_view key, std::int64_t low, std::int64_t high,
               std::vector<std::int64_t>& list) {
  if (vision.has(key)) list = vision.integers(key);
  for (const std::int64_t value : list) {
    if (value >= low && value <= high) continue;
    fail("{}: {} must hold numbers from {} to {}, found {}", vision.where(), key, low, high, value);
  }
}

void read_list(const JsonObject& vision, std::string_view key, std::vector<bool>& list) {
  if (!vision.has(key)) return;
  const boost::json::array* values = vision.at(key).if_array();
  list.clear();
  for (const boost::json::value& value : values ? *values : boost::json::array()) {
    if (value.is_bool()) list.push_back(value.get_bool());
  }
  if (!values || list.size() != values->size()) {
    fail("{}: {} must be a list of true and false, found {}", vision.where(), key,
         boost::json::serialize(vision.at(key)));
  }
}

StageLists read_lists(const JsonObject& vision) {
  StageLists lists;
  read_list(vision, "depths", 1, kMaxLayers, lists.depths);
  read_list(vision, "patch_size", 1, kMaxKernel, lists.patch_size);
  read_list(vision, "patch_stride", 1, kMaxKernel, lists.patch_stride);
  read_list(vision, "patch_padding", 0, kMaxKernel, lists.patch_padding);
  read_list(vision, "embed_dim", 1, kMaxSize, lists.embed_dim);
  read_list(vision, "num_heads", 1, kMaxHeads, lists.num_heads);
  read_list(vision, "num_groups", 1, kMaxHeads, lists.num_groups);
  read_list(vision, "patch_prenorm", lists.patch_prenorm);
  const std::size_t stages = lists.depths.size();
  for (const auto* list : {&lists.patch_size, &lists.patch_stride, &lists.patch_padding,
                           &lists.embed_dim, &lists.num_heads, &lists.num_groups}) {
    if (list->size() == stages && lists.patch_prenorm.size() == stages && stages >= 1 &&
        stages <= kMaxStages) {
      continue;
    }
    fail(
        "{}: depths, patch_*, embed_dim, num_heads and num_groups must name the same 1 to {} "
        "stages",
        vision.where(), kMaxStages);
  }
  return lists;
}

nn::DavitStage make_stage(const JsonObject& vision, const StageLists& lists, std::size_t i) {
  const double mlp_ratio = vision.number_or("mlp_ratio", 4.0);
  const double inner = static_cast<double>(lists.embed_dim[i]) * mlp_ratio;
  if (!(inner >= 1.0 && inner <= static_cast<double>(kMaxSize))) {
    fail("{}: mlp_ratio {} of {} channels", vision.where(), mlp_ratio, lists.embed_dim[i]);
  }
  nn::DavitStage stage;
  stage.depth = static_cast<int>(lists.depths[i]);
  stage.channels = lists.embed_dim[i];
  stage.intermediate_size = static_cast<std::int64_t>(inner);
  stage.num_heads = static_cast<int>(lists.num_heads[i]);
  stage.num_groups = static_cast<int>(lists.num_groups[i]);
  stage.window = {static_cast<int>(lists.patch_size[i]), static_cast<int>(lists.patch_stride[i]),
                  static_cast<int>(lists.patch_padding[i])};
  stage.norm_first = lists.patch_prenorm[i];
  if (stage.channels % stage.num_heads != 0 || stage.channels % stage.num_groups != 0) {
    fail("{}: embed_dim {} does not divide among {} heads and {} groups", vision.where(),
         stage.channels, stage.num_heads, stage.num_groups);
  }
  if (stage.window.padding >= stage.window.kernel) {
    fail("{}: patch_padding {} is not less than patch_size {}", vision.where(),
         stage.window.padding, stage.window.kernel);
  }
  return stage;
}

void read_vision(const JsonObject& vision, Config& config) {
  const std::string type = vision.string_or("model_type", "florence_vision");
  if (type != "florence_vision") {
    fail("{}: model_type \"{}\" is not supported; \"florence_vision\" is", vision.where(), type);
  }
  const StageLists lists = read_lists(vision);
  for (std::size_t i = 0; i < lists.depths.size(); ++i) {
    config.vision.stages.push_back(make_stage(vision, lists, i));
  }
  config.vision.input_channels = read_int_or(vision, "in_channels", 3, 3, 3);
  config.vision.window_size = read_int_or(vision, "window_size", 12, 1, kMaxWindow);
  config.vision.qkv_bias = vision.boolean_or("qkv_bias", true);
  config.vision.activation = read_activation(vision, "activation_function", "gelu");
  config.max_positions = read_int_or(vision, "max_position_embeddings", 50, 1, 1 << 15);
  config.max_frames = read_int_or(vision, "max_temporal_embeddings", 100, 1, 1 << 15);
}

nn::StackConfig read_stack(const JsonObject& text, const std::string& name,
                           std::int64_t hidden_size) {
  nn::StackConfig stack;
  stack.num_layers = read_int_or(text, name + "_layers", 12, 1, kMaxLayers);
  stack.num_heads = read_int_or(text, name + "_attention_heads", 16, 1, kMaxHeads);
  stack.intermediate_size = read_int_or(text, name + "_ffn_dim", 4096, 1, kMaxSize);
  if (hidden_size % stack.num_heads != 0) {
    fail("{}: d_model {} does not divide among {} {} heads", text.where(), hidden_size,
         stack.num_heads, name);
  }
  return stack;
}

void read_text(const JsonObject& text, Config& config) {
  const std::string type = text.string_or("model_type", "bart");
  if (type != "bart") {
    fail("{}: model_type \"{}\" is not supported; \"bart\" is", text.where(), type);
  }
  nn::EncoderDecoderConfig& stacks = config.text;
  stacks.vocab_size = read_int_or(text, "vocab_size", 50265, 1, kMaxVocab);
  stacks.hidden_size = read_int_or(text, "d_model", 1024, 1, kMaxSize);
  stacks.encoder = read_stack(text, "encoder", stacks.hidden_size);
  stacks.decoder = read_stack(text, "decoder", stacks.hidden_size);
  stacks.activation = read_activation(text, "activation_function", "gelu");
  if (text.boolean_or("scale_embedding", false)) {
    stacks.embedding_scale = std::sqrt(static_cast<float>(stacks.hidden_size));
  }
  config.context_length = read_int_or(text, "max_position_embeddings", 1024, 1, kMaxSize);
  stacks.num_positions = config.context_length + 2;
}

}  // namespace

Config read_config(const checkpoint::Checkpoint& checkpoint) {
  const JsonObject top(checkpoint.config(), checkpoint.where("config.json"));
  const JsonObject vision = top.object("vision_config");
  const JsonObject text = top.object("text_config");
  Config config;
  read_vision(vision, config);
  read_text(text, config);
  for (const JsonObject* part : {&top, &text}) {
    if (!part->boolean_or("tie_word_embeddings", true)) {
      fail("{}: tie_word_embeddings false is not supported", part->where());
    }
  }
  if (!top.boolean_or("is_encoder_decoder", true)) {
    fail("{}: is_encoder_decoder false is not supported", top.where());
  }
  if (vision.integer_or("projection_dim", 1024) != config.text.hidden_size) {
    fail("{}: projection_dim differs from d_model, {}", vision.where(), config.text.hidden_size);
  }
  // Sines and cosines of a picture's place in time stand in turn.
  if (config.vision.output_size() % 2 != 0) {
    fail("{}: embed_dim {} of the last stage is odd", vision.where(), config.vision.output_size());
  }
  config.image_token = read_image_token(top, {"image_token_id"}, config.text.vocab_size);
  return config;
}

}  // namespace saccade::models::florence2
