// The review page's server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "photos/library.h"
#include "server/http_server.h"

namespace saccade::photos {

struct DeckOptions {
  server::HttpOptions http;
  std::string key;      ///< that the page must be opened with; needed where others can reach it
  bool work = true;     ///< works on the queue too, unless another process does
  bool sealed = false;  ///< the kernel refuses outgoing connections
};

class DeckServer {
 public:
  /// Opens the socket, seals the process if so asked, and begins to work. Throws Error: the address
  /// is not to be had, a key is missing, or the sealed library has models behind URLs.
  DeckServer(Library& library, const DeckOptions& options);
  ~DeckServer();
  DeckServer(const DeckServer&) = delete;
  DeckServer& operator=(const DeckServer&) = delete;

  /// "http://127.0.0.1:8090"
  std::string url() const;
  /// Whether this process works on the queue.
  bool works() const;

  /// Serves until SIGTERM, SIGINT or stop(); a second signal ends the process. Called once.
  void run();
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace saccade::photos
