// Anthropic's messages: POST /v1/messages.
#pragma once

#include <boost/json/value.hpp>

#include "server/generation.h"
#include "server/request_fields.h"

namespace saccade::server {

/// Reads a request for a message. Throws ApiError.
Generation read_anthropic_message(const boost::json::value& body, const ApiContext& context);

/// Reads a request to count a prompt's tokens. Throws ApiError.
Request read_anthropic_count(const boost::json::value& body, const ApiContext& context);

}  // namespace saccade::server
