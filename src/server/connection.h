// One connection: reads requests, has them answered, writes the answers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "server/connection_state.h"

namespace saccade::server {

/// Serves a connection until it ends. Runs on the socket's executor, which must be a strand.
boost::asio::awaitable<void> serve_connection(boost::asio::ip::tcp::socket socket,
                                              ConnectionState& state);

}  // namespace saccade::server
