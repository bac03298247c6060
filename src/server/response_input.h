// What the model is to read of a request for a response: "instructions" and "input".
#pragma once

#include "saccade/request.h"
#include "server/fields.h"
#include "server/request_fields.h"

namespace saccade::server {

/// Reads both into the messages of `request`. Throws ApiError.
void read_response_input(Fields& fields, const ApiContext& context, Request& request);

}  // namespace saccade::server
