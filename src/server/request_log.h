// The server's log on standard error: one line an event, `time level key=value ...` (logfmt).
#pragma once

#include <string>
#include <string_view>

#include "server/http.h"

namespace saccade::server {

/// A text as a value in the log: in quotes, control characters escaped.
std::string log_text(std::string_view text);

/// Writes a line with the time before it. Any thread may call; lines are never mixed.
void log_line(std::string_view fields);

/// A request's line.
void log_request(const RequestRecord& record);

}  // namespace saccade::server
