// Scripts of tests/server/clients, which use the official clients of the APIs.
#pragma once

#include <string>

#include "server/running_server.h"

namespace saccade::server {

/// Runs a script against `server` and expects that it ends well; skips the test where node or the
/// client `package` is not there. The script gets the server's address and a picture's path.
void run_client(const RunningServer& server, const std::string& script, const std::string& package);

}  // namespace saccade::server
