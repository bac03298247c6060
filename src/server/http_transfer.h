// One HTTP request to a server that the user named, and its answer as it comes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace saccade::server {

struct HttpTransfer {
  std::string method = "GET";
  std::string url;
  std::string api_key = {};  ///< sent as a bearer token; empty: none
  std::string body = {};     ///< JSON; empty: none
  /// For everything from the connection to the last byte; none: as long as it takes.
  std::optional<std::chrono::milliseconds> time_limit = {};
  /// Receives the answer's body in pieces, and nothing at least each 50 ms while none comes; false
  /// ends the transfer. Must not throw.
  std::function<bool(std::string_view)> on_data = {};
};

/// How a transfer ended.
struct TransferEnd {
  enum class Kind {
    kAnswered,
    kStopped,      ///< on_data said so
    kTimedOut,     ///< after the time limit
    kUnreachable,  ///< no connection, or one that broke off
  };
  Kind kind = Kind::kAnswered;
  long status = 0;                                    ///< of what was answered; 0: nothing was
  std::optional<std::chrono::seconds> retry_in = {};  ///< what Retry-After says
  std::string error = {};  ///< of kTimedOut and kUnreachable: libcurl's words
};

/// Asks. Goes to that server and no other: redirects are answers like others, and proxies that the
/// environment names are not used. Throws Error where libcurl cannot be used at all.
TransferEnd transfer(const HttpTransfer& request);

/// A server's URL without what makes no difference at its end: slashes, and the /v1 with which the
/// paths of its API begin. Throws Error (usage) that begins with `where` unless it is one of http
/// or https with a host, without user, query and fragment.
std::string checked_server_url(const std::string& url, std::string_view where);

/// What a server says is wrong, in the shape of OpenAI's API, or the whole of what it says.
std::string server_message(const std::string& body);

}  // namespace saccade::server
