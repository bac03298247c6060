#include "server/connection.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/url/parse.hpp>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "server/exchange.h"
#include "server/identifier.h"

namespace saccade::server {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
namespace {

/// An operation's error comes back in place of being thrown.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// What is sent at once to a client that does not read.
constexpr int kSendBufferBytes = 128 << 10;
// How long a client that was refused may go on sending before the connection is cut.
constexpr std::chrono::seconds kLingerTime{2};

std::string field(const http::fields& fields, http::field name) {
  return std::string(fields[name]);
}

/// "Application/JSON; charset=utf-8" -> "application/json"
std::string media_type(std::string_view field) {
  std::string type(field.substr(0, field.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  for (char& c : type) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return type;
}

/// The decoded path of a request's target; empty for one that is none.
std::string target_path(std::string_view target) {
  const auto url = boost::urls::parse_uri_reference({target.data(), target.size()});
  return url ? std::string(url->path()) : std::string();
}

HttpRequest request_head(const http::request_header<>& header,
                         const asio::ip::tcp::socket& socket) {
  HttpRequest request;
  request.id = make_identifier("req_");
  request.method = std::string(header.method_string());
  const std::string_view target(header.target().data(), header.target().size());
  request.path = target_path(target);
  if (const auto mark = target.find('?'); mark != std::string_view::npos) {
    request.query = std::string(target.substr(mark + 1));
  }
  const auto content_type = header[http::field::content_type];
  request.content_type = media_type({content_type.data(), content_type.size()});
  request.authorization = field(header, http::field::authorization);
  request.api_key = std::string(header["x-api-key"]);
  request.host = field(header, http::field::host);
  request.origin = field(header, http::field::origin);
  request.cookie = field(header, http::field::cookie);
  request.if_none_match = field(header, http::field::if_none_match);
  request.own_page = std::string(header["x-saccade"]);
  request.requested_method = field(header, http::field::access_control_request_method);
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (!error) {
    request.peer = peer.address().to_string();
    const auto& address = peer.address();
    request.from_loopback =
        address.is_loopback() ||
        (address.is_v6() && address.to_v6().is_v4_mapped() &&
         asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback());
  }
  return request;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket, ConnectionState& state)
      : stream_(std::move(socket)),
        state_(state),
        options_(state.options),
        counted_(state.connections) {
    boost::system::error_code ignored;
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    stream_.socket().set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
  }

  asio::awaitable<void> run() {
    bool next = true;
    for (bool first = true; next; first = false) next = co_await serve_request(first);
    boost::system::error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  /// Reads a request and answers it; whether another one may follow.
  asio::awaitable<bool> serve_request(bool first) {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
    parser.body_limit(boost::none);  // read_body() looks after it, once it is known who asks
    stream_.expires_after(first ? options_.header_timeout : options_.idle_timeout);
    const auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, kAwait);
    if (error) {
      co_await report_bad_head(parser, error);
      co_return false;
    }
    const Counted answering(state_.answering);
    started_ = Clock::now();
    HttpRequest request = request_head(parser.get(), stream_.socket());
    head_only_ = parser.get().method() == http::verb::head;
    std::optional<HttpResponse> refusal = state_.handler.refuse(request);
    BodyShare share(state_);
    if (!refusal) refusal = co_await read_body(parser, share, request);
    if (refusal) {
      co_return co_await send_refusal(parser, request, std::move(*refusal));
    }
    if (!parser.is_done()) co_return false;  // the client went away, and it was noted
    const unsigned version = parser.get().version();
    const bool keep_alive = parser.keep_alive();
    request.body = std::move(parser.get().body());
    buffer_.shrink_to_fit();
    co_return co_await answer(std::move(request), version, keep_alive);
  }

  /// Says what is wrong with what came in place of a request, to whoever is still there.
  asio::awaitable<void> report_bad_head(const Parser& parser, boost::system::error_code error) {
    const bool silent =
        error == http::error::end_of_stream || error == beast::error::timeout ||
        error.category() != boost::system::error_code(http::error::bad_method).category();
    if (silent) co_return;
    started_ = Clock::now();
    const HttpRequest request = request_head(parser.get(), stream_.socket());
    const bool too_large =
        error == http::error::header_limit || error == http::error::buffer_overflow;
    const HttpResponse response =
        too_large ? state_.handler.transport_error(
                        request, 431,
                        fmt::format("the request's head has more than {} bytes",
                                    options_.max_header_bytes))
                  : state_.handler.transport_error(
                        request, 400, "this is not an HTTP request: " + error.message());
    co_await write_whole(response, 11, false);
    co_await linger();
    record(request, response.status, "", "bad_request");
  }

  /// Reads the body into the parser; what to answer if it is not to be had.
  asio::awaitable<std::optional<HttpResponse>> read_body(Parser& parser, BodyShare& share,
                                                         const HttpRequest& request) {
    if (parser.content_length().value_or(0) > options_.max_body_bytes) {
      co_return too_large(request);
    }
    if (!share.grow_to(parser.content_length().value_or(0))) co_return no_memory(request);
    parser.body_limit(options_.max_body_bytes);
    if (!parser.is_done() && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      stream_.expires_after(options_.write_timeout);
      co_await asio::async_write(stream_, asio::buffer(kContinue), kAwait);
    }
    const Clock::time_point deadline = Clock::now() + options_.body_timeout;
    while (!parser.is_done()) {
      stream_.expires_at(std::min(deadline, Clock::now() + options_.read_timeout));
      const auto [error, size] = co_await http::async_read_some(stream_, buffer_, parser, kAwait);
      if (!error) {
        if (!share.grow_to(parser.get().body().size())) co_return no_memory(request);
        continue;
      }
      if (error == http::error::body_limit) co_return too_large(request);
      const bool gone = error == http::error::partial_message ||
                        error.category() == boost::system::system_category();
      if (gone || error == beast::error::timeout) {
        record(request, 0, "", gone ? "client_gone" : "client_stalled");
        co_return std::nullopt;
      }
      co_return state_.handler.transport_error(
          request, 400, "the request's body is not what its head says: " + error.message());
    }
    co_return std::nullopt;
  }

  HttpResponse too_large(const HttpRequest& request) const {
    return state_.handler.transport_error(
        request, 413,
        fmt::format("the request's body is larger than {} bytes; send smaller pictures, or start "
                    "the server with a larger --max-body",
                    options_.max_body_bytes));
  }

  HttpResponse no_memory(const HttpRequest& request) const {
    HttpResponse response = state_.handler.transport_error(
        request, 503, "too many large requests are being worked on; try again in a moment");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }

  /// Answers a request whose body was not read, or not to its end.
  asio::awaitable<bool> send_refusal(const Parser& parser, const HttpRequest& request,
                                     HttpResponse response) {
    const bool whole = parser.is_done();
    const bool keep_alive = whole && parser.keep_alive() && !state_.stopping;
    const bool sent = co_await write_whole(std::move(response), parser.get().version(), keep_alive);
    if (!whole) co_await linger();
    record(request, last_status_, "", sent ? "" : "client_gone");
    co_return sent&& keep_alive;
  }

  /// Has a request answered; whether another one may follow.
  asio::awaitable<bool> answer(HttpRequest request, unsigned version, bool keep_alive) {
    const auto exchange = std::make_shared<Exchange>(
        stream_.get_executor(), options_.max_unread_bytes, [weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->stream_.cancel();
        });
    std::string body = std::exchange(request.body, {});
    const HttpRequest head = request;
    request.body = std::move(body);
    last_status_ = 0;
    asio::co_spawn(stream_.get_executor(), watch(shared_from_this(), exchange), asio::detached);
    state_.handler.handle(std::move(request), exchange);
    const bool sent = co_await send_answer(*exchange, version, keep_alive);
    if (!sent) exchange->leave();
    exchange->close();
    boost::system::error_code ignored;  // a time limit closes the socket
    stream_.socket().cancel(ignored);   // the watch ends
    record(
        head, last_status_, exchange->notes(),
        sent ? "" : (exchange->stalled() || write_timed_out_ ? "client_stalled" : "client_gone"));
    co_return sent&& keep_alive && !state_.stopping;
  }

  asio::awaitable<bool> send_answer(Exchange& exchange, unsigned version, bool& keep_alive) {
    for (bool streams = false;;) {
      Exchange::Output output = co_await exchange.next();
      if (output.gone) co_return false;
      if (output.head && !output.streams) {
        keep_alive = keep_alive && !state_.stopping;
        co_return co_await write_whole(std::move(*output.head), version, keep_alive);
      }
      if (output.head) {
        streams = true;
        chunked_ = version >= 11;
        keep_alive = keep_alive && chunked_ && !state_.stopping;
        if (!co_await write_stream_head(std::move(*output.head), version, keep_alive)) {
          co_return false;
        }
      }
      if (!output.piece.empty() && !co_await write_piece(output.piece)) co_return false;
      if (output.complete) co_return streams && (!chunked_ || co_await write_last_chunk());
    }
  }

  /// Notices that the client goes away while its answer is being made.
  static asio::awaitable<void> watch(std::shared_ptr<Connection> self,
                                     std::shared_ptr<Exchange> exchange) {
    asio::ip::tcp::socket& socket = self->stream_.socket();
    auto event = asio::ip::tcp::socket::wait_read;
    while (!exchange->closed()) {
      const auto [error] = co_await socket.async_wait(event, kAwait);
      if (error || exchange->closed()) co_return;
      char byte = 0;
      const ssize_t size = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (size > 0 && event == asio::ip::tcp::socket::wait_read) {
        // The next request is there already, and would hide the end behind it: only a reset shows.
        event = asio::ip::tcp::socket::wait_error;
        continue;
      }
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      exchange->leave();
      co_return;
    }
  }

  http::response_header<> response_header(const HttpResponse& response, unsigned version) {
    last_status_ = response.status;
    http::response_header<> header;
    header.version(version);
    header.result(static_cast<unsigned>(response.status));
    header.set(http::field::server, "saccade");
    if (!response.content_type.empty()) {
      header.set(http::field::content_type, response.content_type);
    }
    for (const auto& [name, value] : response.headers) header.set(name, value);
    return header;
  }

  asio::awaitable<bool> write_whole(HttpResponse response, unsigned version, bool keep_alive) {
    http::response<http::string_body> message(response_header(response, version),
                                              std::move(response.body));
    message.keep_alive(keep_alive);
    if (message.result() != http::status::no_content) message.prepare_payload();
    stream_.expires_after(options_.write_timeout);
    http::response_serializer<http::string_body> serializer(message);
    boost::system::error_code error;
    if (head_only_) {
      const auto result = co_await http::async_write_header(stream_, serializer, kAwait);
      error = std::get<0>(result);
    } else {
      const auto result = co_await http::async_write(stream_, serializer, kAwait);
      error = std::get<0>(result);
    }
    co_return written(error);
  }

  asio::awaitable<bool> write_stream_head(HttpResponse response, unsigned version,
                                          bool keep_alive) {
    http::response<http::empty_body> message(response_header(response, version));
    message.keep_alive(keep_alive);
    message.chunked(chunked_);
    http::response_serializer<http::empty_body> serializer(message);
    stream_.expires_after(options_.write_timeout);
    const auto [error, size] = co_await http::async_write_header(stream_, serializer, kAwait);
    co_return written(error);
  }

  asio::awaitable<bool> write_piece(const std::string& piece) {
    stream_.expires_after(options_.write_timeout);
    boost::system::error_code error;
    if (chunked_) {
      const auto result =
          co_await asio::async_write(stream_, http::make_chunk(asio::buffer(piece)), kAwait);
      error = std::get<0>(result);
    } else {
      const auto result = co_await asio::async_write(stream_, asio::buffer(piece), kAwait);
      error = std::get<0>(result);
    }
    co_return written(error);
  }

  asio::awaitable<bool> write_last_chunk() {
    stream_.expires_after(options_.write_timeout);
    const auto [error, size] = co_await asio::async_write(stream_, http::make_chunk_last(), kAwait);
    co_return written(error);
  }

  bool written(boost::system::error_code error) {
    stream_.expires_never();
    if (error == beast::error::timeout) write_timed_out_ = true;
    return !error;
  }

  /// Reads on for a moment after a refusal: closing a socket with unread bytes would reset it, and
  /// the client might never see the answer.
  asio::awaitable<void> linger() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLingerTime);
    std::string scratch(std::size_t{16} << 10, '\0');
    for (;;) {
      const auto [error, size] = co_await stream_.async_read_some(asio::buffer(scratch), kAwait);
      if (error) co_return;
    }
  }

  void record(const HttpRequest& request, int status, std::string notes, std::string outcome) {
    const std::chrono::duration<double, std::milli> total = Clock::now() - started_;
    state_.handler.finished({request.id, request.peer, request.method, request.path, status,
                             total.count(), std::move(notes), std::move(outcome)});
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  ConnectionState& state_;
  const HttpOptions& options_;
  const Counted counted_;
  Clock::time_point started_ = Clock::now();
  int last_status_ = 0;
  bool chunked_ = true;
  bool head_only_ = false;  // the answer's body is not sent
  bool write_timed_out_ = false;
};

}  // namespace

asio::awaitable<void> serve_connection(asio::ip::tcp::socket socket, ConnectionState& state) {
  const auto connection = std::make_shared<Connection>(std::move(socket), state);
  co_await connection->run();
}

}  // namespace saccade::server
