// Keys that stand twice in one object of a request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace saccade::server {

/// The first key that an object of `text` has a second time, as errors name fields
/// ("messages[0].role"); none: every object has each of its keys once. A parsed value does not
/// tell: of such a key the last value is left, and the others were dropped in silence. `text` is
/// JSON that was parsed before, and so of bounded depth.
std::optional<std::string> repeated_key(std::string_view text);

}  // namespace saccade::server
