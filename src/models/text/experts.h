// What the config of a decoder with experts says, as Qwen's files have it.
#pragma once

#include "models/text_config.h"

namespace saccade::models::text_families {

/// Reads num_experts, num_experts_per_tok and moe_intermediate_size, where `otherwise` has what the
/// family takes for granted, and which layers have experts: every decoder_sparse_step-th, but for
/// mlp_only_layers. Throws Error naming the key.
void read_experts(const JsonObject& text, const nn::MoeConfig& otherwise,
                  nn::DecoderConfig& decoder);

}  // namespace saccade::models::text_families
