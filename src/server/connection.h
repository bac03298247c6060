// One connection: reads requests, has them answered, writes the answers.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>

#include "server/http.h"
#include "server/http_server.h"

namespace saccade::server {

/// What all connections share.
struct ConnectionState {
  const HttpOptions& options;
  HttpHandler& handler;
  std::atomic<int> connections = 0;
  std::atomic<int> answering = 0;  ///< requests between their head and the end of their answer
  std::atomic<std::size_t> body_bytes = 0;  ///< set aside for bodies that are being read
  std::atomic<bool> stopping = false;       ///< connections end with the answer they are at
};

/// Serves a connection until it ends. Runs on the socket's executor, which must be a strand.
boost::asio::awaitable<void> serve_connection(boost::asio::ip::tcp::socket socket,
                                              ConnectionState& state);

}  // namespace saccade::server
