// Reading response headers.
#pragma once

#include <string_view>

#include "hub/http.h"

namespace saccade::hub {

/// Takes one header line into `head`. A status line begins a new response, which forgets what the
/// one before it said, but for what the Hub says of a file while it redirects.
void read_header_line(std::string_view line, ResponseHead& head);

}  // namespace saccade::hub
