// Who may ask: keys, this machine alone, and browsers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"
#include "server/http.h"
#include "server/options.h"

namespace saccade::server {

/// Who may use a route.
enum class Access {
  kOpen,   ///< everybody: it only says whether the server lives
  kKey,    ///< who has an API key, if there are any
  kAdmin,  ///< who has an admin key or, where there is none, whoever is on this machine
};

/// Whether two texts are equal, in a time that depends on the length of `given` alone.
bool equal_in_constant_time(std::string_view given, std::string_view expected);

/// The keys in a file, one a line; blank lines and those that begin with # do not count. Throws
/// Error when there is none.
std::vector<std::string> read_keys(const std::string& path);

/// Whether a host that --host names is this machine alone.
bool is_loopback_host(std::string_view host);

/// Why `request` may not use a route of this kind; none: it may.
std::optional<ApiError> access_error(const HttpRequest& request, Access access,
                                     const ServeOptions& options);

/// Headers that let a browser read an answer; empty where its page's origin is not allowed.
Headers cors_headers(const HttpRequest& request, const ServeOptions& options);

}  // namespace saccade::server
