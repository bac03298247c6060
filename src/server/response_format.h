// The form that an answer must have.
#pragma once

#include "saccade/request.h"
#include "server/fields.h"

namespace saccade::server {

/// Reads the form that the object `name` asks for into `request`: OpenAI's "text", "json_object"
/// and "json_schema", the schema in an object of that name or beside the type; and "regex",
/// "choice" and "grammar" (GBNF), each with its text or texts under its own name. Nothing where
/// there is no such object. Throws ApiError for any other.
void read_response_format(Fields& fields, std::string_view name, Request& request);

}  // namespace saccade::server
