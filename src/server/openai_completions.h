// OpenAI's completions of plain text: POST /v1/completions.
#pragma once

#include <boost/json/value.hpp>

#include "server/generation.h"
#include "server/request_fields.h"

namespace saccade::server {

/// Reads a request for completions. Throws ApiError.
Generation read_completion(const boost::json::value& body, const ApiContext& context);

}  // namespace saccade::server
