// The families of decoders: models of text alone, and the text models inside others.
#pragma once

#include <string_view>
#include <vector>

#include "models/text_config.h"

namespace saccade::models::text_families {

TextFamily deepseek_ocr2_text();
TextFamily gemma();
TextFamily gemma2();
TextFamily gemma3_text();
TextFamily gemma4_text();
TextFamily granite();
TextFamily llama();
TextFamily mistral();
TextFamily phi3();
TextFamily qwen2();
TextFamily qwen3();
TextFamily qwen3_moe();
TextFamily smollm3();

/// All of them, by name.
const std::vector<TextFamily>& all();

/// The family that `model_type` of a decoder's config names, `otherwise` where it is silent. Throws
/// Error with the list of families known.
const TextFamily& named_in(const JsonObject& config, std::string_view otherwise);

}  // namespace saccade::models::text_families
