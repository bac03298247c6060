// OpenAI's responses, without stored state: POST /v1/responses.
#pragma once

#include <boost/json/value.hpp>

#include "server/generation.h"
#include "server/request_fields.h"

namespace saccade::server {

/// Reads a request for a response. Throws ApiError.
Generation read_response(const boost::json::value& body, const ApiContext& context);

}  // namespace saccade::server
