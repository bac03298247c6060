// JSON Schemas of calls.
#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>

#include "server/tool_use.h"

namespace saccade::server {

/// The schema of a tool's arguments.
boost::json::value arguments_schema(const Tool& tool);

/// The schema of {"name": ..., `arguments_key`: ...} for a call of one of the tools; of a list of
/// such calls, `most` at most (0: any number), if `list`.
std::string call_schema(std::span<const Tool> tools, const std::string& arguments_key, bool list,
                        int most);

}  // namespace saccade::server
