#include "models/text/experts.h"

#include <algorithm>

#include "models/config_reading.h"

namespace saccade::models::text_families {

void read_experts(const JsonObject& text, const nn::MoeConfig& otherwise,
                  nn::DecoderConfig& decoder) {
  constexpr std::int64_t kMaxExperts = 4096;
  nn::MoeConfig& moe = decoder.moe;
  // Some writers use the name that transformers has inside.
  const char* count = text.has("num_experts") ? "num_experts" : "num_local_experts";
  moe = otherwise;
  moe.num_experts = read_int_or(text, count, otherwise.num_experts, 1, kMaxExperts);
  moe.experts_per_token =
      read_int_or(text, "num_experts_per_tok", otherwise.experts_per_token, 1, moe.num_experts);
  if (text.has("moe_intermediate_size")) {
    moe.intermediate_size = text.integer_in("moe_intermediate_size", 1, kMaxSize);
  }
  const int step = read_int_or(text, "decoder_sparse_step", 1, 1, kMaxLayers);
  const std::vector<std::int64_t> dense =
      text.has("mlp_only_layers") ? text.integers("mlp_only_layers") : std::vector<std::int64_t>{};
  for (int i = 0; i < decoder.num_layers; ++i) {
    decoder.sparse_layers.push_back((i + 1) % step == 0 &&
                                    std::ranges::find(dense, i) == dense.end());
  }
}

}  // namespace saccade::models::text_families
