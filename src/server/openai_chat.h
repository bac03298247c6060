// OpenAI's chat completions: POST /v1/chat/completions.
#pragma once

#include <boost/json/value.hpp>

#include "server/generation.h"
#include "server/request_fields.h"

namespace saccade::server {

/// Reads a request for a chat completion. Throws ApiError.
Generation read_chat_completion(const boost::json::value& body, const ApiContext& context);

}  // namespace saccade::server
