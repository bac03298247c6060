#include "server/http_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <thread>
#include <vector>

#include "base/error.h"
#include "server/connection.h"

namespace saccade::server {
namespace asio = boost::asio;
using asio::ip::tcp;
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// Between two attempts to let a connection in when there are no descriptors left.
constexpr std::chrono::milliseconds kAcceptPause{100};
// Between two looks at whether all answers have been sent.
constexpr std::chrono::milliseconds kStopPause{5};

tcp::endpoint listening_endpoint(const HttpOptions& options) {
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) {
    fail_usage("--host: wanted an address of this machine such as 127.0.0.1 or ::1, found \"{}\"",
               options.host);
  }
  return {address, options.port};
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpOptions& options, HttpHandler& handler)
      : options_(options),
        state_{options_, handler},
        context_(options.threads),
        acceptor_(asio::make_strand(context_)),
        signals_(context_),
        stop_timer_(context_) {
    const tcp::endpoint endpoint = listening_endpoint(options_);
    try {
      acceptor_.open(endpoint.protocol());
      acceptor_.set_option(tcp::acceptor::reuse_address(true));
      acceptor_.bind(endpoint);
      acceptor_.listen();
    } catch (const boost::system::system_error& error) {
      fail("cannot listen on {} port {}: {}; --port chooses another one, 0 any that is free",
           options_.host, options_.port, error.code().message());
    }
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void on_stop_signal(std::function<void(int)> callback) {
    on_stop_signal_ = std::move(callback);
    for (const int number : {SIGTERM, SIGINT}) {
      // A shell starts background jobs with Ctrl-C ignored; that stays as it is.
      struct sigaction current = {};
      if (sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_IGN) continue;
      signals_.add(number);
    }
    wait_for_signal();
  }

  void run() {
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
    std::vector<std::thread> threads;
    for (int i = 1; i < options_.threads; ++i) {
      threads.emplace_back([this] { context_.run(); });
    }
    context_.run();
    for (std::thread& thread : threads) thread.join();
  }

  void stop(std::chrono::milliseconds limit) {
    state_.stopping = true;
    asio::post(acceptor_.get_executor(), [this] {
      boost::system::error_code ignored;
      acceptor_.close(ignored);
    });
    asio::post(stop_timer_.get_executor(),
               [this, limit] { wait_for_answers(std::chrono::steady_clock::now() + limit); });
  }

 private:
  void wait_for_signal() {
    signals_.async_wait([this](boost::system::error_code error, int number) {
      if (error) return;
      on_stop_signal_(number);
      wait_for_signal();
    });
  }

  asio::awaitable<void> accept() {
    asio::steady_timer pause(acceptor_.get_executor());
    while (acceptor_.is_open()) {
      tcp::socket socket(asio::make_strand(context_));
      const auto [error] = co_await acceptor_.async_accept(socket, kAwait);
      if (error == asio::error::operation_aborted) co_return;
      if (error) {
        pause.expires_after(kAcceptPause);
        co_await pause.async_wait(kAwait);
        continue;
      }
      if (state_.connections >= options_.max_connections) {
        turn_away(socket);
        continue;
      }
      const auto executor = socket.get_executor();
      asio::co_spawn(executor, serve_connection(std::move(socket), state_), asio::detached);
    }
  }

  /// Says that there are too many connections, if that can be said without waiting.
  static void turn_away(tcp::socket& socket) {
    static constexpr std::string_view kAnswer =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kAnswer), ignored);
  }

  void wait_for_answers(std::chrono::steady_clock::time_point deadline) {
    if (state_.answering == 0 || std::chrono::steady_clock::now() >= deadline) {
      context_.stop();
      return;
    }
    stop_timer_.expires_after(kStopPause);
    stop_timer_.async_wait(
        [this, deadline](boost::system::error_code) { wait_for_answers(deadline); });
  }

  // The connections that the context holds use what stands before it.
  HttpOptions options_;
  ConnectionState state_;
  std::function<void(int)> on_stop_signal_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  asio::steady_timer stop_timer_;
};

HttpServer::HttpServer(const HttpOptions& options, HttpHandler& handler)
    : impl_(std::make_unique<Impl>(options, handler)) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const {
  return impl_->port();
}
void HttpServer::on_stop_signal(std::function<void(int)> callback) {
  impl_->on_stop_signal(std::move(callback));
}
void HttpServer::run() {
  impl_->run();
}
void HttpServer::stop(std::chrono::milliseconds limit) {
  impl_->stop(limit);
}

}  // namespace saccade::server
