// The server as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/options.h"

namespace saccade::server {

class Server {
 public:
  /// Looks at the models' files, opens the socket, seals the process if so asked, and begins to
  /// load the models. Throws Error.
  explicit Server(const ServeOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// "http://127.0.0.1:8080"
  std::string url() const;
  std::uint16_t port() const;

  /// Serves until SIGTERM, SIGINT (see ServeOptions::ends_on_signals) or stop(), also while models
  /// are being loaded. The first signal lets running requests end, the second ends the process.
  /// Returns whether every model that was needed could be loaded. Called once.
  bool run();
  /// What the first signal does. From any thread, also before run() is called.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

struct RouteInfo {
  std::string method;
  std::string path;
  std::string access;  ///< "open", "key" or "admin"
  std::string description;
};

/// What the server answers.
std::vector<RouteInfo> server_routes();

}  // namespace saccade::server
