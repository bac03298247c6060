// One request's answer on its way from the threads that make it to the connection that sends it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <mutex>

#include "server/http.h"

namespace saccade::server {

class Exchange : public Reply, public std::enable_shared_from_this<Exchange> {
 public:
  /// `strand` is the connection's; a stream may have `max_unread_bytes` waiting. When it has more,
  /// `cut` is called on the strand, to end the write that the client does not take.
  Exchange(boost::asio::any_io_executor strand, std::size_t max_unread_bytes,
           std::function<void()> cut);

  void send(HttpResponse response) override;
  void begin_stream(HttpResponse head) override;
  void write(std::string_view piece) override;
  void end_stream() override;
  void when_gone(std::function<void()> callback) override;
  void note(std::string fields) override;

  /// What the connection has to do next.
  struct Output {
    std::optional<HttpResponse> head;  ///< status and headers; of a stream the body comes apart
    bool streams = false;
    std::string piece;
    bool complete = false;  ///< nothing comes after this
    bool gone = false;      ///< the client has left or does not read
  };
  /// Waits for it. On the strand.
  boost::asio::awaitable<Output> next();
  /// The client has left.
  void leave();
  /// Nobody waits for the answer any longer: it has been sent.
  void close();
  bool closed() const;
  bool stalled() const;
  std::string notes() const;

 private:
  void change(const std::function<void()>& update);

  boost::asio::steady_timer wake_;  // cancelled when there is something to do
  const std::size_t max_unread_bytes_;
  const std::function<void()> cut_;
  mutable std::mutex mutex_;
  // Guarded by mutex_:
  Output pending_;
  bool begun_ = false;
  bool ended_ = false;
  bool stalled_ = false;
  bool closed_ = false;
  std::function<void()> when_gone_;
  std::string notes_;
};

}  // namespace saccade::server
