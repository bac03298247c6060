// A small model that calls tools as its chat template says.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "temporary_directory.h"

namespace saccade::server {

/// New texts for special tokens that nothing here needs, as JSON has them.
using RenamedTokens = std::vector<std::pair<std::string, std::string>>;

/// Makes one in `directory`. Throws where a token to be renamed is not there.
void make_tool_model(const TemporaryDirectory& directory, const char* chat_template,
                     const RenamedTokens& renamed = {});

/// To serve it.
inline const std::vector<std::string> kToolModelOptions = {"--device", "cpu",    "--threads",
                                                           "1",        "--name", "small"};

/// Arguments of a tool.
inline constexpr const char* kForecastSchema = R"({"type": "object", "properties": {
  "city": {"type": "string", "maxLength": 20}, "days": {"type": "integer", "minimum": 1,
  "maximum": 9}, "unit": {"enum": ["C", "F"]}}, "required": ["city", "days"],
  "additionalProperties": false})";

}  // namespace saccade::server
