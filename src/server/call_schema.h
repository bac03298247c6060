// JSON Schemas of calls.
#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "server/tool_use.h"

namespace saccade::server {

/// The schema of a tool's arguments.
boost::json::value arguments_schema(const Tool& tool);

/// The schema of {"name": ..., `arguments_key`: ...} for a call of one of the tools; of a list of
/// such calls, `most` at most (0: any number), if `list`.
std::string call_schema(std::span<const Tool> tools, const std::string& arguments_key, bool list,
                        int most);

/// A text as GBNF has it, in quotes.
std::string gbnf_text(std::string_view text);

/// A mark of calls in GBNF: the special token, or its letters where it is none.
std::string gbnf_mark(const CallSyntax& syntax, std::string_view mark);

/// A grammar (GBNF) of a call of one of the tools, behind its marker, in the forms kTags (up to the
/// end of the function), kNamed and kBare; `repeated`: of one or more, each but the first with its
/// marker. Parameters in tags come in the order of the schema. Throws ApiError for what of a schema
/// such a call cannot be held to.
std::string call_grammar(std::span<const Tool> tools, const CallSyntax& syntax, bool repeated);

}  // namespace saccade::server
