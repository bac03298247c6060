// JSON Schema to a Program.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "grammar/program.h"

namespace saccade::grammar {

/// Compiles a schema; `where` names it in errors. `documents` as in Program. Throws Error for what
/// is not supported or cannot be decided, naming its place, and for a schema that nothing matches.
Program compile_schema(const boost::json::value& schema, std::string where, bool documents);

}  // namespace saccade::grammar
