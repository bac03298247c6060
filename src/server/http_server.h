// The listening socket and its connections: HTTP/1.1 with keep-alive, time limits and bounded
// memory. Each connection is a coroutine, a few threads run them all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/http.h"

namespace saccade::server {

struct HttpOptions {
  std::string host = "127.0.0.1";  ///< an address of this machine, or localhost
  std::uint16_t port = 8080;       ///< 0: any free one
  int threads = 2;
  std::size_t max_body_bytes = std::size_t{64} << 20;
  /// Of all requests that are being read or answered; more have to come again.
  std::size_t max_total_body_bytes = std::size_t{1} << 30;
  std::size_t max_header_bytes = std::size_t{16} << 10;
  int max_connections = 4096;
  /// Of a stream that the client has not read yet, beside what the kernel holds.
  std::size_t max_unread_bytes = std::size_t{256} << 10;
  std::chrono::milliseconds header_timeout{20'000};  ///< for the head of a first request
  std::chrono::milliseconds idle_timeout{75'000};    ///< for the head of the next one
  std::chrono::milliseconds read_timeout{20'000};    ///< for the next bytes of a body
  std::chrono::milliseconds body_timeout{300'000};   ///< for a whole body
  std::chrono::milliseconds write_timeout{20'000};   ///< for the client to take what is written
};

class HttpServer {
 public:
  /// Opens the socket. Throws Error when the address is not to be had. `handler` must outlive it.
  HttpServer(const HttpOptions& options, HttpHandler& handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// The port that it listens on.
  std::uint16_t port() const;
  /// Has SIGTERM and SIGINT given to `callback`, each time one comes, from now on and as long as
  /// run() lasts.
  void on_stop_signal(std::function<void(int)> callback);
  /// Serves until stop(). Called once.
  void run();
  /// Lets no more connections in, gives those there are up to `limit` to take what is written for
  /// them, and ends run(). From any thread.
  void stop(std::chrono::milliseconds limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace saccade::server
