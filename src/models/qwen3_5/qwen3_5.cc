#include "models/qwen3_5/qwen3_5.h"

#include "base/error.h"
#include "models/config_reading.h"
#include "models/qwen3_vl/qwen3_vl.h"
#include "models/text/experts.h"

namespace saccade::models::qwen3_5 {
namespace {

// As far as the kernels of all devices go.
constexpr std::int64_t kMaxKeyDim = 256;
constexpr std::int64_t kMaxTaps = 16;

/// Which layers have which kind of attention: those of layer_types, else full attention in every
/// full_attention_interval-th.
std::vector<nn::LayerKind> read_layer_kinds(const JsonObject& text, int num_layers) {
  std::vector<nn::LayerKind> kinds;
  if (!text.has("layer_types")) {
    const int interval = read_int_or(text, "full_attention_interval", 4, 1, kMaxLayers);
    for (int i = 0; i < num_layers; ++i) {
      kinds.push_back((i + 1) % interval == 0 ? nn::LayerKind::kAttention
                                              : nn::LayerKind::kGatedDelta);
    }
    return kinds;
  }
  const boost::json::array* types = text.at("layer_types").if_array();
  if (!types || types->size() != static_cast<std::size_t>(num_layers)) {
    fail("{}: layer_types must list {} layers", text.where(), num_layers);
  }
  for (const boost::json::value& type : *types) {
    if (type != "linear_attention" && type != "full_attention") {
      fail("{}: layer_types: {} is not supported", text.where(), boost::json::serialize(type));
    }
    kinds.push_back(type == "full_attention" ? nn::LayerKind::kAttention
                                             : nn::LayerKind::kGatedDelta);
  }
  return kinds;
}

nn::GatedDeltaConfig read_gated_delta(const JsonObject& text) {
  nn::GatedDeltaConfig config;
  config.num_key_heads = read_int_or(text, "linear_num_key_heads", 16, 1, kMaxHeads);
  config.num_value_heads = read_int_or(text, "linear_num_value_heads", 32, 1, kMaxHeads);
  config.key_dim = read_int_or(text, "linear_key_head_dim", 128, 1, kMaxKeyDim);
  config.value_dim = read_int_or(text, "linear_value_head_dim", 128, 1, 4096);
  config.conv_taps = read_int_or(text, "linear_conv_kernel_dim", 4, 1, kMaxTaps);
  if (config.num_value_heads % config.num_key_heads != 0) {
    fail("{}: linear_num_value_heads {} is not a multiple of linear_num_key_heads {}", text.where(),
         config.num_value_heads, config.num_key_heads);
  }
  return config;
}

void finish(const JsonObject& text, const JsonObject&, nn::DecoderConfig& decoder) {
  if (!text.boolean_or("attn_output_gate", true)) {
    fail("{}: attn_output_gate false is not supported", text.where());
  }
  if (const std::string dtype = text.string_or("mamba_ssm_dtype", "float32"); dtype != "float32") {
    fail("{}: mamba_ssm_dtype \"{}\" is not supported; states are float32", text.where(), dtype);
  }
  decoder.attention_gate = true;
  decoder.layer_kinds = read_layer_kinds(text, decoder.num_layers);
  decoder.gated_delta = read_gated_delta(text);
}

TextFamily text_family() {
  return {
      .model_type = "qwen3_5_text",
      .architecture = {},
      .head_dim = 256,
      .context_length = 32768,
      .partial_rotary_factor = 0.25,
      .attention_bias = AttentionBias::kAsConfigured,
      .layer_types = LayerTypes::kOfFamily,
      .rope_axes = RopeAxes::kInterleaved,
      .may_turn_partly = true,
      .qk_norm = true,
      .unit_offset_norms = true,
      .finish = finish,
  };
}

/// Every layer has experts: the config says no intermediate_size, and no key leaves layers out.
TextFamily moe_text_family() {
  TextFamily family = text_family();
  family.model_type = "qwen3_5_moe_text";
  family.all_experts = true;
  family.finish = [](const JsonObject& text, const JsonObject& top, nn::DecoderConfig& decoder) {
    finish(text, top, decoder);
    text_families::read_experts(
        text,
        {.num_experts = 256, .experts_per_token = 8, .intermediate_size = 512, .normalize = true},
        decoder);
    decoder.sparse_layers.assign(decoder.num_layers, true);
    decoder.moe.shared_intermediate_size =
        read_int_or(text, "shared_expert_intermediate_size", 512, 1, kMaxSize);
    decoder.moe.shared_gate = true;
  };
  return family;
}

constexpr qwen3_vl::Form kDense{"qwen3_5", text_family, false};
constexpr qwen3_vl::Form kMoe{"qwen3_5_moe", moe_text_family, false};

/// Files that mlx-lm has written hold the weights of norms plus 1. They say so by the convolution
/// alone, whose taps come before its one channel.
void refuse_whole_norms(const checkpoint::Checkpoint& checkpoint) {
  for (const auto& [name, info] : checkpoint.tensors()) {
    const Shape& shape = info.shape;
    if (!name.ends_with(".conv1d.weight") || shape.rank() != 3 || shape[1] == 1) continue;
    fail("{}: tensor {} has shape {}, as MLX stores it; its layout is not supported for Qwen3.5",
         checkpoint.where(), name, shape.text());
  }
}

template <const qwen3_vl::Form& form>
Family make_family() {
  Family family = qwen3_vl::family_of<form>();
  family.load_model = [](const checkpoint::Checkpoint& checkpoint, compute::Device& device,
                         const nn::LoadOptions& options) {
    refuse_whole_norms(checkpoint);
    // The head that guesses tokens ahead (multi-token prediction): answers are the same without it.
    if (options.used) options.used->leave_out("mtp.");
    return qwen3_vl::load_model(form, checkpoint, device, options);
  };
  return family;
}

}  // namespace

Family family() {
  return make_family<kDense>();
}

Family moe_family() {
  return make_family<kMoe>();
}

}  // namespace saccade::models::qwen3_5
