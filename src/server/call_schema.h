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

/// A grammar (GBNF) of a call in tags of one of the tools, behind its marker, up to the end of the
/// function: parameters in the order of the schema. Throws ApiError for what of a schema such a
/// call cannot be held to.
std::string tags_grammar(std::span<const Tool> tools);

}  // namespace saccade::server
