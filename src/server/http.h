// HTTP as the rest of the server sees it: requests, answers and streams, without sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace saccade::server {

struct HttpRequest {
  std::string id;             ///< unique in this process; answers carry it as x-request-id
  std::string method;         ///< "GET"
  std::string path;           ///< percent-decoded, without the query
  std::string query;          ///< behind the path's "?", as it came
  std::string parameter;      ///< what stood for {...} in the route's path
  std::string content_type;   ///< lower case, without parameters: "application/json"
  std::string authorization;  ///< header fields as they came; empty: none
  std::string api_key;        ///< x-api-key
  std::string host;
  std::string origin;
  std::string cookie;
  std::string if_none_match;
  std::string own_page;  ///< X-Saccade: a script of ours sends it, a form of another site cannot
  std::string requested_method;  ///< Access-Control-Request-Method: a browser asks beforehand
  std::string peer;              ///< address of the other end
  bool from_loopback = false;    ///< it is this machine
  std::string body;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  Headers headers = {};
};

/// Takes the answer to one request: either one send(), or begin_stream(), writes and end_stream().
/// Any thread may call; nothing waits for the network.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual void send(HttpResponse response) = 0;
  /// Sends status and headers; what `head` has as body is the first piece.
  virtual void begin_stream(HttpResponse head) = 0;
  /// More of a stream. Who does not read loses the connection when too much of it waits.
  virtual void write(std::string_view piece) = 0;
  virtual void end_stream() = 0;
  /// `callback` is called once if the client goes away before it has the whole answer: at once if
  /// it has gone already, otherwise on a thread of the network and from within no other call.
  virtual void when_gone(std::function<void()> callback) = 0;
  /// Fields for the request's line in the log: "prompt_tokens=12 finish=stop".
  virtual void note(std::string fields) = 0;
};

/// A request that is over, for the log.
struct RequestRecord {
  std::string id;
  std::string peer;
  std::string method;
  std::string path;
  int status = 0;  ///< 0: nothing was answered
  double total_ms = 0.0;
  std::string notes;
  /// "": answered; "client_gone", "client_stalled", "bad_request": what came was not HTTP
  std::string outcome;
};

/// What decides over requests. Any thread may call, several at a time.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  /// Looks at a request before its body is read: what to answer in place of reading it, if
  /// anything.
  virtual std::optional<HttpResponse> refuse(HttpRequest& head) = 0;
  /// Answers a request, now or later.
  virtual void handle(HttpRequest request, std::shared_ptr<Reply> reply) = 0;
  /// How an error of the transport is said to the one who sent `request`.
  virtual HttpResponse transport_error(const HttpRequest& request, int status,
                                       const std::string& message) = 0;
  virtual void finished(const RequestRecord& record) = 0;
};

}  // namespace saccade::server
