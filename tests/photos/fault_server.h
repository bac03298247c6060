// A server in the shape of OpenAI's API, for tests, that answers as it is told: rightly, or not at
// all well.
#pragma once

#include <boost/json/value.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/http_server.h"

namespace saccade::photos {

/// Requests take what was told in order, each one thing; when nothing is left, otherwise() says.
class FaultServer : private server::HttpHandler {
 public:
  FaultServer();
  ~FaultServer();
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;

  std::string url() const;

  /// A chat completion with this content.
  void then_answer(std::string content, std::string finish_reason = "stop");
  void then_send(int status, std::string body, server::Headers headers = {});
  /// Nothing, until the client leaves.
  void then_hang();
  /// Half an answer, and then the end of the connection.
  void then_cut();
  /// A byte each 10 ms, without an end.
  void then_drip();
  /// What every request gets for which nothing was told: by itself, 500.
  void otherwise(std::function<server::HttpResponse(const boost::json::value& body)> answer);

  /// What was asked so far, in order: the bodies of requests.
  std::vector<boost::json::value> asked() const;
  /// The header fields of the last one.
  std::string last_authorization() const;
  /// Waits until `count` requests have come, at the latest ten seconds; whether they have.
  bool was_asked(std::size_t count);

 private:
  using Action = std::function<void(const std::shared_ptr<server::Reply>&)>;

  void then(Action action);
  std::optional<server::HttpResponse> refuse(server::HttpRequest&) override { return std::nullopt; }
  void handle(server::HttpRequest request, std::shared_ptr<server::Reply> reply) override;
  server::HttpResponse transport_error(const server::HttpRequest&, int status,
                                       const std::string& message) override {
    return {status, message};
  }
  void finished(const server::RequestRecord&) override {}
  void drip(const std::stop_token& stop);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<Action> script_;
  std::function<server::HttpResponse(const boost::json::value&)> otherwise_;
  std::vector<boost::json::value> asked_;
  std::string authorization_;
  std::vector<std::shared_ptr<server::Reply>> hanging_;
  std::vector<std::shared_ptr<server::Reply>> dripping_;
  server::HttpServer server_;
  std::thread thread_;
  std::jthread dripper_;
};

/// A chat completion with this content, as the server sends it.
server::HttpResponse completion(const std::string& content,
                                const std::string& finish_reason = "stop");

/// The text of the only message of a request.
std::string prompt_of(const boost::json::value& body);

}  // namespace saccade::photos
