// The decoder inside DeepSeek-OCR 2: Llama's layers with DeepSeek's experts (Dai et al., 2024).
#include "base/error.h"
#include "models/config_reading.h"
#include "models/text/families.h"

namespace saccade::models::text_families {
namespace {

/// Layers with experts: those that mlp_layer_types calls "sparse", or in older files all but the
/// first first_k_dense_replace.
std::vector<bool> read_sparse_layers(const JsonObject& text, int num_layers) {
  std::vector<bool> sparse;
  if (!text.has("mlp_layer_types")) {
    const int dense = read_int(text, "first_k_dense_replace", 0, num_layers);
    read_int_or(text, "moe_layer_freq", 1, 1, 1);
    for (int i = 0; i < num_layers; ++i) sparse.push_back(i >= dense);
    return sparse;
  }
  const boost::json::array* types = text.at("mlp_layer_types").if_array();
  if (!types || types->size() != static_cast<std::size_t>(num_layers)) {
    fail("{}: mlp_layer_types must list {} layers", text.where(), num_layers);
  }
  for (const boost::json::value& type : *types) {
    if (type != "dense" && type != "sparse") {
      fail("{}: mlp_layer_types: {} is not supported", text.where(), boost::json::serialize(type));
    }
    sparse.push_back(type == "sparse");
  }
  return sparse;
}

void refuse_unless(const JsonObject& text, std::string_view key, std::string_view wanted) {
  const std::string found = text.string_or(key, wanted);
  if (found != wanted) {
    fail("{}: {} \"{}\" is not supported; \"{}\" is", text.where(), key, found, wanted);
  }
}

void finish(const JsonObject& text, const JsonObject&, nn::DecoderConfig& decoder) {
  constexpr std::int64_t kMaxExperts = 4096;
  refuse_unless(text, "topk_method", "greedy");
  refuse_unless(text, "scoring_func", "softmax");
  for (const std::string_view key : {"use_mla", "norm_topk_prob", "mlp_bias"}) {
    if (text.boolean_or(key, false)) fail("{}: {} is not supported", text.where(), key);
  }
  if (std::int64_t{decoder.num_heads} * decoder.head_dim != decoder.hidden_size) {
    fail("{}: head_dim {} differs from hidden_size / num_attention_heads", text.where(),
         decoder.head_dim);
  }
  nn::MoeConfig& moe = decoder.moe;
  moe.num_experts = read_int_or(text, "n_routed_experts", 64, 1, kMaxExperts);
  moe.experts_per_token = read_int(text, "num_experts_per_tok", 1, moe.num_experts);
  moe.intermediate_size = read_int_or(text, "moe_intermediate_size", 1407, 1, kMaxSize);
  moe.shared_intermediate_size =
      moe.intermediate_size * read_int_or(text, "n_shared_experts", 2, 0, kMaxExperts);
  moe.share_scale = static_cast<float>(text.number_or("routed_scaling_factor", 1.0));
  decoder.sparse_layers = read_sparse_layers(text, decoder.num_layers);
}

}  // namespace

TextFamily deepseek_ocr2_text() {
  return {
      .model_type = "deepseek_ocr2_text",
      .architecture = "DeepseekOcr2TextModel",
      .context_length = 2048,
      .attention_bias = AttentionBias::kAsConfigured,
      .finish = finish,
  };
}

}  // namespace saccade::models::text_families
