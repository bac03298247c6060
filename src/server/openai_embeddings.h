// OpenAI's embeddings, of texts and of pictures: POST /v1/embeddings.
#pragma once

#include <boost/json/value.hpp>

#include "server/generation.h"
#include "server/request_fields.h"

namespace saccade::server {

/// Reads a request for embeddings, one for each input. Throws ApiError.
Generation read_embeddings(const boost::json::value& body, const ApiContext& context);

}  // namespace saccade::server
