// The messages of OpenAI's chat requests.
#pragma once

#include "saccade/request.h"
#include "server/fields.h"
#include "server/request_fields.h"

namespace saccade::server {

/// Reads "messages" into request.messages, pictures where they stand. A picture's `detail` "low" is
/// a budget of 512 x 512 pixels for the pictures of the request. Throws ApiError.
void read_chat_messages(Fields& fields, const ApiContext& context, Request& request);

}  // namespace saccade::server
