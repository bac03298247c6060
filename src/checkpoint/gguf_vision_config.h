// What an mmproj file says of a vision tower, as the configuration files of its family.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>

#include "checkpoint/gguf.h"

namespace saccade::checkpoint {

/// Adds config.json, with `text` as its text_config, and preprocessor_config.json. Throws Error
/// when the tower's outputs are not as wide as the decoder's inputs.
void add_vision_files(std::map<std::string, boost::json::value>& files, boost::json::object text,
                      const GgufFile& model, const GgufFile& mmproj);

}  // namespace saccade::checkpoint
