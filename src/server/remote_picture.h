// Fetching one picture from another machine that the server was allowed to ask.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/remote_hosts.h"

namespace saccade::server {

/// A picture of a request that is somewhere else.
struct RemotePicture {
  std::string url;
  std::string where;  ///< the field that names it
};

/// What the pictures of one request may cost.
struct FetchLimits {
  std::chrono::milliseconds time;         ///< for each picture
  std::atomic<std::int64_t>& room_bytes;  ///< that pictures may still have, all of them together
  const std::atomic<bool>& cancelled;     ///< nobody wants them any more
};

/// Throws ApiError (400, or 403 where the host is not allowed) for a URL that is not fetched.
void check_remote_url(const RemotePicture& picture, const RemoteHosts& hosts);

/// The bytes of a picture. Follows three redirects, each to a URL that is allowed as well, and
/// connects to no address that is not public but those that were allowed as such. Throws ApiError
/// that tells the field and the URL, and nothing of what is behind them: 403 for what is not
/// allowed, 413 for what is too large, otherwise 422.
std::vector<std::byte> fetch_picture(const RemotePicture& picture, const RemoteHosts& hosts,
                                     const FetchLimits& limits);

}  // namespace saccade::server
