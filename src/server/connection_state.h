// What all connections share, and the shares that each takes of it.
#pragma once

#include <atomic>
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
  std::atomic<std::size_t> body_bytes = 0;  ///< of requests that are being read or answered
  std::atomic<bool> stopping = false;       ///< connections end with the answer they are at
};

/// Counts while it lives.
class Counted {
 public:
  explicit Counted(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>& count_;
};

/// A share of the memory for bodies, given back at the end of the answer: pictures live as long.
class BodyShare {
 public:
  explicit BodyShare(ConnectionState& state) : state_(state) {}
  ~BodyShare() { state_.body_bytes -= bytes_; }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;

  /// Whether `bytes` in all are to be had.
  bool grow_to(std::size_t bytes) {
    if (bytes <= bytes_) return true;
    const std::size_t more = bytes - bytes_;
    if (state_.body_bytes.fetch_add(more) + more > state_.options.max_total_body_bytes) {
      state_.body_bytes -= more;
      return false;
    }
    bytes_ = bytes;
    return true;
  }

 private:
  ConnectionState& state_;
  std::size_t bytes_ = 0;
};

}  // namespace saccade::server
