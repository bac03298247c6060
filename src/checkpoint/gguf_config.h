// The configuration files of the Hugging Face checkpoint that a GGUF file was made from.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "checkpoint/gguf.h"

namespace saccade::checkpoint {

/// config.json, preprocessor_config.json and generation_config.json, as far as the metadata of the
/// language model and of its mmproj (null: none) tell. The family follows from
/// general.architecture, or from the projector's type where there is an mmproj. Throws Error naming
/// file and key for what is missing or not known.
std::map<std::string, boost::json::value> gguf_config_files(const GgufFile& model,
                                                            const GgufFile* mmproj);

/// general.architecture of a language model. Throws Error when it is missing, or the file an
/// mmproj.
std::string gguf_architecture(const GgufFile& model);

/// clip.projector_type or clip.vision.projector_type. Throws Error when the file is no mmproj.
std::string gguf_projector(const GgufFile& mmproj);

/// The tower's layers that feed DeepStack (Qwen3-VL), ascending; empty for other towers.
std::vector<std::int64_t> gguf_deepstack_layers(const GgufFile& mmproj);

}  // namespace saccade::checkpoint
