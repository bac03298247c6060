// What vision-language families share that are a tower, a projector and a decoder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/family.h"
#include "models/text_config.h"
#include "models/text_model.h"

namespace saccade::models {

/// text_config of config.json, of the family its model_type names, by default `otherwise`.
TextConfig read_nested_text(const JsonObject& top, std::string_view otherwise);

/// The image token's id, under the first of `keys` that config.json has.
std::int32_t read_image_token(const JsonObject& top, const std::vector<std::string_view>& keys,
                              std::int64_t vocab_size);

/// The two linear maps of a projector, `bias` on both or on none.
nn::Mlp load_projector(nn::WeightLoader& weights, const std::string& name, std::int64_t inputs,
                       std::int64_t outputs, bool bias, compute::Activation activation);

/// A description of encoder parts and the decoder behind them.
Description describe_vlm(const checkpoint::Checkpoint& checkpoint, std::string family,
                         std::vector<PartDescription> encoder, const TextConfig& text);

/// The prefix of the projector's tensors, by the name of one of them. Throws Error naming it when
/// it is nowhere.
std::string find_prefix(const checkpoint::Checkpoint& checkpoint,
                        const std::vector<std::string>& prefixes, const std::string& tensor);

}  // namespace saccade::models
