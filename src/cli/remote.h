// Asking a model that another process serves.
#pragma once

#include <boost/json/object.hpp>

#include "cli/serve_client.h"
#include "saccade/engine.h"

namespace saccade::cli {

/// A request as POST /v1/chat/completions takes it, to be streamed. Throws Error (usage) for what
/// does not travel: log-probabilities.
boost::json::object chat_body(const std::string& model, const Request& request);

/// Has a server answer; the listener hears the text and may cancel. Of the result's token ids there
/// are none. Throws Error.
Result generate_remotely(const ServeClient& client, const std::string& model,
                         const Request& request, Listener& listener);

}  // namespace saccade::cli
