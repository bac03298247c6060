// The form that an answer must have.
#pragma once

#include "saccade/request.h"
#include "server/fields.h"

namespace saccade::server {

/// Reads OpenAI's response_format into `request`. Throws ApiError for a form that answers cannot be
/// held to.
void read_response_format(Fields& fields, Request& request);

}  // namespace saccade::server
