// What the Gemmas share.
#pragma once

#include "models/text_config.h"

namespace saccade::models::text_families {

/// A soft cap: null is none, an absent key the family's own, `otherwise`.
float read_cap(const JsonObject& config, std::string_view key, double otherwise);

/// Reads query_pre_attn_scalar and the soft caps, where `attention_cap` and `logits_cap` are the
/// family's own (0: none), and scales embeddings. Refuses attention in both directions.
void finish_gemma(const JsonObject& text, const JsonObject& top, double attention_cap,
                  double logits_cap, nn::DecoderConfig& decoder);

}  // namespace saccade::models::text_families
